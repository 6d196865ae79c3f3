// Ports that nobody else takes while the test runs, not even a test in another process. They lie below the kernel's
// range for outgoing connections. Each is reserved by an abstract Unix socket named after it, which the kernel releases
// when this process ends, however it ends.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const LOWEST = 10_240;

/** The first port of the range for outgoing connections. */
function ceiling(): number {
  try {
    const [low] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/);
    const first = Number(low);
    return first > LOWEST + 2000 ? first : 65_000;
  } catch {
    return 32_768;
  }
}

const CEILING = ceiling();

function listens(at: { path: string } | { port: number; host?: string; exclusive?: boolean }) {
  const server = createServer();
  return new Promise<typeof server | null>((resolve) => {
    server.once('error', () => resolve(null));
    server.listen(at, () => resolve(server));
  });
}

/** A port with no listener on any address, which no other test gets while this process lives. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 500; tries++) {
    const port = LOWEST + Math.floor(Math.random() * (CEILING - LOWEST));
    const held = await listens({ path: `\0bal-e2e-port-${port}` });
    if (held === null) continue;
    held.unref();
    const probe = await listens({ port, exclusive: true }); // on all addresses of both families
    if (probe === null) {
      held.close();
      continue;
    }
    probe.close();
    await once(probe, 'close');
    return port;
  }
  throw new Error('Cannot find a free port: 500 tries were all taken');
}
