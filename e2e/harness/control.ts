// Queries the primary over its control socket, as `bal status` does, without starting a process each time.
import { request } from 'node:http';
import { stream } from '../../lib/control/client.ts';
import type { Status } from '../../lib/control/protocol.ts';

export function askStatus(socketPath: string): Promise<Status> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path: '/status', method: 'GET', timeout: 5000, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode !== 200) return reject(new Error(`Cannot get the status: HTTP ${response.statusCode}`));
        const status: Status = JSON.parse(body);
        return resolve(status);
      });
    });
    asking.on('timeout', () => asking.destroy(new Error('Cannot get the status: no answer in 5 s')));
    asking.on('error', reject);
    asking.end();
  });
}

/** Stops an instance like `bal stop --now`. Returns whether it answered in time. */
export async function askStop(socketPath: string): Promise<boolean> {
  const answer = await stream(socketPath, 'POST', '/stop', { now: true }, 10_000, () => undefined);
  return answer.ok && answer.status === 200;
}
