// Third-party name servers: dnsmasq, knot and nsd, each with the same zone `test`.
import { writeFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { join } from 'node:path';
import type { Owner } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { serve, workFolder } from '../../lib/testing/program.ts';
import { until } from '../../lib/testing/until.ts';
import { words } from '../../lib/testing/shape.ts';

export type Program = 'dnsmasq' | 'knotd' | 'nsd';

/** Number of addresses of `many` in the zone: more than fit into a datagram. */
export const MANY = 120;

/**
 * Starts a server with the zone: `web` (127.0.0.1 and ::1) for an hour, `alias` as its CNAME, `many`, `_x._tcp` with two SRV
 * records, and nothing else. Returns the server's address.
 */
export async function startNameServer(
  owner: Owner,
  program: Program,
  ports: readonly [number, number],
): Promise<string> {
  const folder = workFolder(owner);
  const port = await freePort();
  const many = Array.from({ length: MANY }, (_, i) => `127.8.${i >> 8}.${i & 255}`);
  const [first, second] = ports;
  const zone = [
    '$ORIGIN test.',
    '$TTL 3600',
    '@ SOA ns admin 1 3600 600 86400 1',
    '@ NS ns',
    'ns A 127.0.0.1',
    'web A 127.0.0.1',
    'web AAAA ::1',
    'alias CNAME web',
    ...many.map((ip) => `many 0 A ${ip}`),
    `_x._tcp 1 SRV 10 1000 ${first} web`,
    `_x._tcp 1 SRV 20 1 ${second} alias`,
    '',
  ].join('\n');
  writeFileSync(join(folder, 'test.zone'), zone, { mode: 0o644 });
  switch (program) {
    case 'dnsmasq': {
      const hosts = ['127.0.0.1 web.test', '::1 web.test', ...many.map((ip) => `${ip} many.test`), ''].join('\n');
      writeFileSync(join(folder, 'hosts'), hosts, { mode: 0o644 });
      const srv = [`_x._tcp.test,web.test,${first},10,1000`, `_x._tcp.test,alias.test,${second},20,1`];
      await serve(
        owner,
        'dnsmasq',
        [
          ...words(
            `-k -p ${port} --conf-file=/dev/null --no-resolv --no-hosts --listen-address=127.0.0.1 --bind-interfaces`,
          ),
          ...words(
            `--addn-hosts=${join(folder, 'hosts')} --local=/test/ --cname=alias.test,web.test --pid-file= --local-ttl=1`,
          ),
          ...srv.map((record) => `--srv-host=${record}`),
        ],
        { port, cwd: folder, endedBy: 'SIGTERM' },
      );
      break;
    }
    case 'knotd': {
      writeFileSync(
        join(folder, 'knot.conf'),
        `server:\n  listen: 127.0.0.1@${port}\n  rundir: ${folder}\ndatabase:\n  storage: ${folder}\n` +
          `zone:\n  - domain: test\n    storage: ${folder}\n    file: test.zone\n    zonefile-sync: -1\n    journal-content: none\n`,
        { mode: 0o644 },
      );
      await serve(owner, 'knotd', ['-c', 'knot.conf'], { port, cwd: folder });
      break;
    }
    case 'nsd': {
      writeFileSync(
        join(folder, 'nsd.conf'),
        `server:\n  ip-address: 127.0.0.1@${port}\n  username: ""\n  chroot: ""\n  zonesdir: "${folder}"\n  pidfile: ""\n` +
          `  database: ""\n  xfrdfile: "${folder}/xfrd"\n  xfrdir: "${folder}"\n  zonelistfile: "${folder}/list"\n  server-count: 1\n` +
          `remote-control:\n  control-enable: no\nzone:\n  name: test\n  zonefile: test.zone\n`,
        { mode: 0o644 },
      );
      await serve(owner, 'nsd', ['-d', '-c', 'nsd.conf'], { port, cwd: folder });
      break;
    }
  }
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  await until(`${program} answers`, () =>
    resolver.resolve4('web.test').then(
      () => true,
      () => false,
    ),
  );
  return `127.0.0.1:${port}`;
}
