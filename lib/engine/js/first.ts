// What happens before relaying: the policy may inspect the client's first bytes before it names a target, and may send
// a preamble to the backend. libuv cannot peek, so the bytes read are kept until they are relayed.

import type { InspectionCode, Policy } from '../engine.ts';
import { FIRST_BYTES_AT_MOST, MORE, REFUSE, WAIT } from '../engine.ts';
import type { INSPECTIONS } from '../engine.ts';
import type { Connection } from './connection.ts';
import { Side } from './side.ts';

const CODE = { bytes: 0, full: 1, ended: 2, late: 3 } as const satisfies Record<
  (typeof INSPECTIONS)[number],
  InspectionCode
>;
const NOTHING = Buffer.alloc(0);

export class FirstBytes {
  readonly #connection: number;
  readonly #policy: Policy;
  readonly #most: number;
  #bytes = NOTHING;
  /** How many of the bytes the policy is being shown and may take. */
  #shown = 0;
  /** Whether the policy is being asked right now. */
  isShown = false;

  /** `most`: how many bytes the policy may be shown. */
  constructor(connection: number, policy: Policy, most: number) {
    this.#connection = connection;
    this.#policy = policy;
    this.#most = most;
  }

  add(bytes: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }

  /** Shows the policy the bytes so far. Returns its answer; MORE if it wants more and more may come. */
  look(ended: boolean, late: boolean): number {
    for (;;) {
      const { length } = this.#bytes;
      const inspection = length >= this.#most ? CODE.full : ended ? CODE.ended : late ? CODE.late : CODE.bytes;
      if (length === 0 && inspection === CODE.bytes) return MORE;
      this.#shown = Math.min(length, this.#most);
      const shown = this.#bytes.subarray(0, this.#shown);
      this.isShown = true;
      const answer = this.#policy.inspected?.(this.#connection, shown, inspection) ?? REFUSE;
      this.isShown = false;
      this.#shown = 0;
      if (answer !== MORE) return answer;
      if (this.#bytes.length < length) continue; // some were taken: show the rest
      return inspection === CODE.bytes ? MORE : REFUSE;
    }
  }

  take(count: number): void {
    if (count > this.#shown || count < 0) throw new Error('Cannot take bytes: not so many are being inspected');
    this.#shown -= count;
    this.#bytes = this.#bytes.subarray(count);
  }

  /** The bytes that were not taken, to be relayed. */
  get rest(): Uint8Array {
    return this.#bytes;
  }
}

/** Starts inspecting the client's first bytes. Refuses the client if its listener has no inspection. */
export function inspect(connection: Connection): void {
  const { core, id, handle, listener } = connection;
  if (listener.settings.inspect === undefined) {
    connection.decided(REFUSE);
    return;
  }
  connection.stage = 'inspecting';
  connection.attemptedAt = performance.now();
  connection.first = new FirstBytes(id, core.policy, listener.settings.inspect.bytes);
  connection.client = new Side(connection, handle);
  core.watch(connection);
  connection.client.socket.startReading();
}

/** Shows the policy the bytes of an inspected client so far. True when it wants more. */
export function look(connection: Connection, late: boolean): boolean {
  const answer = connection.first?.look(connection.client?.over === true, late) ?? REFUSE;
  if (answer === MORE) return true;
  connection.stage = 'waiting';
  if (answer !== WAIT) connection.decided(answer);
  return false;
}

/** Sends the preamble and the client's first bytes. False when the preamble is too long. */
export function sendFirst(connection: Connection, client: Side, backend: Side): boolean {
  const { core, id, first, target } = connection;
  const preamble = (target.service.settings.preamble ? core.policy.preamble?.(id) : null) ?? NOTHING;
  if (preamble.length > FIRST_BYTES_AT_MOST) return false;
  const rest = first?.rest ?? NOTHING;
  connection.first = null;
  if (preamble.length + rest.length > 0) backend.sendFirst(Buffer.concat([preamble, rest]));
  connection.count('in', rest.length);
  client.stalled = backend.busy;
  // A shutdown behind a pending write could not be given up. Connection.sideWritten() finishes then.
  if (client.over && !backend.busy) backend.finish();
  return true;
}
