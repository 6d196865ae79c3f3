import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '../../../lib/version.ts';
import { environment } from '../../harness/cli.ts';
import { type EngineName, missing } from '../../harness/engines.ts';
import { BAL } from '../../../lib/testing/root.ts';
import { type Found, type Place, type Proxy, WORKERS } from './proxy.ts';

/** Everything else keeps its default: health checks, protection, limits and the log at `info` are on. */
export function balConfiguration(engine: EngineName, { port, backends }: Pick<Place, 'port' | 'backends'>): string {
  return `port: ${port}
bind_address: "127.0.0.1"
engine: ${engine}
workers: ${WORKERS}
log_level: info
backends:
${backends.map((backend) => `  - host: "127.0.0.1"\n    port: ${backend}\n`).join('')}`;
}

/** Returns why bal cannot run with this engine here, or null. */
export function missingBal(engine: EngineName): string | null {
  return existsSync(BAL) ? missing(engine) : 'dist/bal.js is not built';
}

export function findBal(engine: EngineName): Found {
  const name = `bal-${engine}`;
  const reason = missingBal(engine);
  if (reason !== null) return { kind: 'absent', name, reason };
  return { kind: 'found', proxy: balProxy(engine, name, (place) => balConfiguration(engine, place)) };
}

/** A bal with the given configuration. */
export function balProxy(engine: EngineName, name: string, configuration: (place: Place) => string): Proxy {
  return {
    name,
    version: `bal ${version}, engine ${engine}, Node.js ${process.version}`,
    prepare(place) {
      const file = join(place.dir, 'config.yaml');
      writeFileSync(file, configuration(place));
      return { program: place.node, args: [BAL, 'start', '-c', file], env: environment(place.dir) };
    },
  };
}
