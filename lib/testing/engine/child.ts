// An engine in a process of its own, for tests that would harm the test's process: running out of descriptors, or a
// network with a single port. Started by process.ts with the engine's name, the port to listen on and the port of the
// only backend. Answers each message with a Report.

import { CONNECT_FAILURES, ENDS, REFUSE } from '../../engine/engine.ts';
import type { Exhaustion } from '../../engine/engine.ts';
import { boundTcp, localPort } from '../bound.ts';
import { engineNamed } from './engines.ts';
import { LISTENER, SERVICE } from './rig.ts';

export interface Report {
  readonly port: number;
  readonly active: number;
  readonly accepted: number;
  readonly ends: readonly string[];
  readonly failures: readonly string[];
  readonly exhaustion: Exhaustion;
  /** CPU time the process has used so far. */
  readonly cpuMs: number;
}

const [name, listenOn, backendPort] = process.argv.slice(2);
const found = engineNamed(name === 'native' ? 'native' : 'js');
if (!found.ok) throw new Error(`Cannot run the ${name} engine: ${found.reason}`);

let accepted = 0;
const ends: string[] = [];
const failures: string[] = [];
const engine = found.create({
  accepted: () => {
    accepted++;
    return 0;
  },
  failed: (_, cause) => {
    failures.push(CONNECT_FAILURES[cause]);
    return REFUSE;
  },
  connected: () => undefined,
  ended: (_, end) => ends.push(ENDS[end]),
});
const handle = boundTcp('127.0.0.1', Number(listenOn));
const port = localPort(handle);
engine.service(0, SERVICE);
engine.route(0, 0, '127.0.0.1', Number(backendPort));
engine.listen(0, handle, LISTENER);

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const { active } = engine;
  const report: Report = {
    port,
    active,
    accepted,
    ends,
    failures,
    exhaustion: engine.exhaustion(),
    cpuMs: (user + system) / 1000,
  };
  process.send?.(report);
});
process.on('disconnect', () => process.exit(0));
