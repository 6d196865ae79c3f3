// etcd: a watch, which uses gRPC over HTTP/2.
import { freePort } from '../../../lib/testing/ports.ts';
import { lacking, run, serve, workFolder } from '../../../lib/testing/program.ts';
import { words } from '../../../lib/testing/shape.ts';
import { talkTo } from '../../harness/talk.ts';
import { until } from '../../../lib/testing/until.ts';
import { type Kind, type Server } from '../kind.ts';

const VERSION_3 = { ETCDCTL_API: '3' };

const etcd: Server = {
  name: 'etcd',
  lacks: lacking('etcd', 'etcdctl'),
  async start(owner) {
    const [folder, port, peers] = [workFolder(owner), await freePort(), await freePort()];
    const [here, there] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peers}`];
    await serve(
      owner,
      'etcd',
      words(
        `--data-dir ${folder}/data --unsafe-no-fsync --log-level error
         --listen-client-urls ${here} --advertise-client-urls ${here}
         --listen-peer-urls ${there} --initial-advertise-peer-urls ${there} --initial-cluster default=${there}`,
      ),
      { port, cwd: folder },
    );
    return { port, folder: '' };
  },
};

export const etcdWatch: Kind = {
  name: 'etcdctl with a watch',
  server: etcd,
  lacks: null,
  connections: 1,
  async open({ owner, engine, through, server }) {
    const talk = talkTo(owner, 'etcdctl', words(`--endpoints http://127.0.0.1:${through} watch ${engine}`), VERSION_3);
    let puts = 0;
    const works = async (): Promise<void> => {
      // etcdctl does not say when it has begun to watch.
      await until('the watch tells of a put', async () => {
        const value = `value-${(puts += 1)}-`;
        const put = words(`--endpoints http://127.0.0.1:${server.port} put ${engine} ${value}`);
        await run('etcdctl', put, { env: VERSION_3 });
        return talk.says(new RegExp(value), 1000);
      });
    };
    await works();
    return { works };
  },
};
