// One connection: a client, the attempts to connect it to a backend, and the relay between the two. Owns the
// connection's stage. Events of the two sockets arrive through its two sides.

import { type EndCode, WAIT } from '../engine.ts';
import type { SocketAddress, TcpHandle } from '../handles.ts';
import { peerOf } from '../handles.ts';
import { END, FAILURE } from './codes.ts';
import type { Core } from './core.ts';
import { failureOf } from '../failure.ts';
import { look, sendFirst } from './first.ts';
import type { FirstBytes } from './first.ts';
import type { Queues } from './kernel.ts';
import type { Listener } from './listener.ts';
import { flows, isHalfClosed, isWhole } from './rest.ts';
import type { Route } from './route.ts';
import { metItself } from './route.ts';
import { noSource } from '../source.ts';
import { Side } from './side.ts';
import { NOWHERE } from './targets.ts';
import type { Target } from './targets.ts';

type Stage = 'inspecting' | 'waiting' | 'connecting' | 'open' | 'over';

export class Connection {
  readonly core: Core;
  readonly id: number;
  readonly listener: Listener;
  /** The client's handle as accepted. */
  readonly handle: TcpHandle;
  /** The client's address, read at once because a reset socket no longer has it; or the one that setClient() set. */
  peer: Partial<SocketAddress>;
  stage: Stage = 'waiting';
  client: Side | null = null;
  backend: Side | null = null;
  bytesIn = 0;
  bytesOut = 0;
  /** When the connect attempt began, or before it the inspection. */
  attemptedAt = 0;
  /** Whether it is on the list of watched connections. */
  watched = false;
  /** Whether bytes, or the backend's FIN, have moved since the last sweep. */
  moved = true;
  // The sweeper's state:
  /** When a sweep last found that something had moved. */
  lastMoved = 0;
  /** When the kernel was last asked, the bytes relayed by then, and how many of them the kernel still had. */
  lastLook = 0;
  knownBytes = 0;
  sending = 0;
  /** Whether the backend's socket has keepalive probes. */
  probed = false;
  /** The target last named. */
  target = NOWHERE;
  #route: Route | null = null;
  /** The client's first bytes, from inspection until they are relayed. */
  first: FirstBytes | null = null;

  constructor(core: Core, id: number, listener: Listener, handle: TcpHandle) {
    this.core = core;
    this.id = id;
    this.listener = listener;
    this.handle = handle;
    this.peer = peerOf(handle);
  }

  /** Acts on the policy's answer. */
  decided(target: number): void {
    if (target === WAIT) return this.core.hold(this);
    if (target < 0) return this.#finish(END.refused);
    this.#leadTo(this.core.targets.at(target));
    const { route } = this.target;
    this.#route = route;
    const address = route?.address() ?? null;
    if (address === null) {
      if (route !== null) this.core.exhausted(noSource());
      this.#failed(route === null ? 'other' : 'local');
      return;
    }
    this.stage = 'connecting';
    this.attemptedAt = performance.now();
    this.backend = new Side(this, null);
    this.core.watch(this);
    this.backend.socket.connectTo(address);
  }

  #leadTo(target: Target): void {
    this.target.live--;
    target.live++;
    this.target = target;
  }

  #failed(cause: keyof typeof FAILURE): void {
    this.backend = null;
    this.#leadTo(NOWHERE);
    this.decided(this.core.policy.failed(this.id, FAILURE[cause]));
  }

  backendConnected(backend: Side): void {
    if (this.#route?.mayMeetItself && backend.socket.handle !== null && metItself(backend.socket.handle)) {
      backend.socket.reset();
      this.#failed('refused');
      return;
    }
    this.stage = 'open';
    this.client ??= new Side(this, this.handle);
    this.core.policy.connected(this.id);
    if (!sendFirst(this, this.client, backend)) {
      this.#finish(END.cut);
      return;
    }
    if (!this.client.quiet) this.client.socket.startReading();
    backend.socket.startReading();
  }

  count(way: 'in' | 'out', count: number): void {
    if (way === 'in') this.bytesIn += count;
    else this.bytesOut += count;
    this.core.targets.count(this.target, way, count);
  }

  /** Passes on what was just read. False when `from` must stop reading. */
  relay(from: Side, count: number): boolean {
    const { client, backend, core } = this;
    if (this.stage === 'inspecting') {
      this.first?.add(core.buffers.read(null, count));
      return look(this, false);
    }
    if (client === null || backend === null) return false;
    const to = from === client ? backend : client;
    this.count(from === client ? 'in' : 'out', count);
    this.moved = true;
    core.lastReader = from;
    to.send(from, count);
    from.stalled = to.busy;
    return !to.busy && this.stage === 'open';
  }

  /** After a stalled write has finished, resumes reading or passes the end on that came before it. */
  sideWritten(side: Side): void {
    const from = this.#opposite(side);
    this.moved = true;
    if (from === null) return;
    from.stalled = false;
    if (!from.over) from.socket.startReading();
    else if (!side.over) side.finish();
    else this.#finish(from === this.client ? END.client_closed : END.backend_closed);
  }

  /** Handles a side's FIN. What was relayed before it is written, because a stalled side is not read. */
  sideEnded(side: Side): void {
    if (side.finished && this.core.lastReader === side) {
      // libuv before 1.52 reports a reset right after bytes as an end, and once our FIN is sent the peer's name does
      // not tell them apart either. Reading once more does.
      this.core.lastReader = null;
      side.socket.readAgain();
      return;
    }
    if (side.lost) {
      this.sideLost(side);
      return;
    }
    side.over = true;
    if (this.stage === 'inspecting') {
      look(this, false);
      return;
    }
    const to = this.#opposite(side);
    if (to === null) return;
    this.moved = true;
    if (!to.over || side.busy) to.finish();
    // Both directions are over: closing sends the FINs without a shutdown.
    else this.#finish(to === this.client ? END.client_closed : END.backend_closed);
  }

  sideBroke(side: Side, error: NodeJS.ErrnoException): void {
    if (this.stage === 'open' || this.stage === 'inspecting') this.sideLost(side);
    else if (this.stage === 'connecting') {
      const cause = failureOf(error);
      if (cause === 'local') this.core.exhausted(error);
      this.#failed(cause);
    }
  }

  /** Handles a side that was reset or whose network failed. */
  sideLost(side: Side): void {
    if (this.stage === 'inspecting') this.clientGone();
    else this.#finish(side === this.client ? END.client_reset : END.backend_reset);
  }

  /** Handles the end of the time for connecting or for the inspection. */
  timedOut(): void {
    if (this.stage === 'inspecting') look(this, true);
    else {
      this.backend?.socket.close();
      this.#failed('timeout');
    }
  }

  isLate(now: number): boolean {
    const { inspect } = this.listener.settings;
    const { connectTimeoutMs } = this.target.service.settings;
    return now - this.attemptedAt >= (this.stage === 'inspecting' && inspect ? inspect.ms : connectTimeoutMs);
  }

  clientGone(): void {
    this.#finish(END.client_gone);
  }

  /**
   * Ends a connection that neither peer has broken: with a FIN on both sides, or a reset where bytes would be lost.
   * Closing with unread bytes makes the kernel reset the side that sent them, and the other side must not take that
   * for a clean end. So reset both or none.
   */
  leave(how: 'idle' | 'cut', queues: ReadonlyMap<number, Queues> | null, now: number): void {
    this.#finish(END[how], isWhole(this, queues) && !(how === 'cut' && flows(this, now)));
  }

  /** Nothing has moved since `lastMoved`: ends the connection if that is too long ago. */
  quiet(now: number): void {
    const { idleMs, halfClosedMs } = this.target.service.settings;
    const quietMs = now - this.lastMoved;
    // While bytes for the backend wait here, the client is not silent.
    const isSilent = isHalfClosed(this) && quietMs >= halfClosedMs;
    if (isSilent && isWhole(this, null)) this.#finish(END.backend_closed);
    else if (quietMs >= idleMs) this.leave('idle', null, now);
  }

  /** The descriptors of an open connection. */
  get fds(): readonly number[] {
    return this.stage === 'open' && this.client && this.backend ? [this.client.fd, this.backend.fd] : [];
  }

  #opposite(side: Side): Side | null {
    return side === this.client ? this.backend : this.client;
  }

  #finish(how: EndCode, clean = how === END.client_closed || how === END.backend_closed): void {
    const { client, backend } = this;
    this.stage = 'over';
    if (client === null) this.handle.reset(ignore);
    else client.close(clean);
    backend?.close(clean);
    this.#leadTo(NOWHERE);
    this.core.over(this, how);
  }
}

function ignore(): void {
  // Nothing to do once the handle is closed.
}
