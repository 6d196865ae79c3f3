// Queries the primary over its control socket, as the commands do, without a process per query.
import { request } from 'node:http';
import type { ReloadVerdict } from '../../lib/control/protocol.ts';
import type { Why } from '../../lib/control/why.ts';

function ask(socketPath: string, method: 'GET' | 'POST', path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.once('end', () => resolve(body));
    });
    asking.once('error', reject);
    asking.end();
  });
}

export async function askReload(socketPath: string): Promise<ReloadVerdict> {
  const verdict: ReloadVerdict = JSON.parse(await ask(socketPath, 'POST', '/reload'));
  return verdict;
}

export async function askWhy(socketPath: string): Promise<Why> {
  const why: Why = JSON.parse(await ask(socketPath, 'GET', '/why'));
  return why;
}
