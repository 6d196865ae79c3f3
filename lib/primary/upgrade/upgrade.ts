// `bal upgrade`, the predecessor's side: starts the successor, hands over what it needs, and lets it take over. This process
// serves until the successor reports that it serves, and ends when nothing is left here. A failure before that is reported and
// changes nothing.

import type { UpgradeRequest, UpgradeVerdict } from '../../control/upgrade.ts';
import type { Diagnosis } from '../../control/protocol.ts';
import { version } from '../../version.ts';
import type { Log } from '../log/log.ts';
import type { Estate } from './estate.ts';
import type { History } from './protocol.ts';
import { PROTOCOL } from './protocol.ts';
import type { Answer, Successor } from './successor.ts';
import { keepCounting } from './succeed.ts';
import { startSuccessor } from './successor.ts';
import * as words from './words.ts';

export interface UpgradeParts {
  readonly log: Log;
  readonly estate: Estate;
  readonly config: string;
  /** Absolute. */
  readonly homeDir: string;
  readonly foreground: boolean;
  /** The successor should watch its configuration. */
  readonly watches: boolean;
  /** This process stays afterwards, as a stand-in for the successor. */
  readonly stays: boolean;
  /** Makes the service manager follow that process instead of this one. */
  follow(pid: number): void;
  /** Returns why no upgrade can begin now, or null. */
  refusal(): Diagnosis | null;
  history(): History;
  /** Gives up the control socket and the PID file. */
  yield(): void;
  /** Whether the PID file names that process. */
  isFollowedBy(pid: number): boolean;
  /** Takes both back from the process with that pid. Returns the reason if that fails; `taken`: another instance has them. */
  takeBack(pid: number): Promise<Diagnosis | 'taken' | null>;
}

export interface Upgraded {
  readonly verdict: UpgradeVerdict;
  /** The process that serves now; null if this one still does. */
  readonly successor: Successor | null;
}

export interface Upgrade {
  /** Runs in turn with reloads. Never rejects. */
  run(request: UpgradeRequest): Promise<Upgraded>;
  /** Resolves when no upgrade is under way, with the process that serves instead of this one, or null if this one does. */
  over(): Promise<Successor | null>;
  /** Kills a successor under way, because this instance is to end. Resolves when the upgrade is undone. */
  abort(): Promise<unknown>;
}

/** Node.js starts within 50 ms. A machine in trouble may be slow, but an operator waits for an answer. */
const HELLO_MS = 15_000;
/** As for a start. */
const PREPARED_MS = 60_000;
const SERVING_MS = 15_000;
/** Connections that can go are gone within 1 or 2 s. Others stay, and the upgrade does not wait for them. */
const SETTLED_MS = 10_000;
/** Node.js reports the end of a process in several steps. */
const LAST_LOOK_MS = 50;

class Refused extends Error {
  readonly problem: Diagnosis;
  readonly errors: readonly unknown[];

  constructor(problem: Diagnosis, errors: readonly unknown[] = []) {
    super(problem.what_happened);
    this.problem = problem;
    this.errors = errors;
  }
}

export function createUpgrade(parts: UpgradeParts): Upgrade {
  const { log, estate } = parts;
  let current: Successor | null = null;
  let running: Promise<unknown> = Promise.resolve();
  let follower: Successor | null = null;
  let isAborted = false;

  async function attempt(request: UpgradeRequest): Promise<Upgraded> {
    const startedAt = performance.now();
    // A stop may have come while this waited for its turn.
    const problem = isAborted ? words.aborted : parts.refusal();
    const before = { from: version, to: null, pid: process.pid, generation: estate.generation, errors: [] };
    const elapsed = (): number => Math.round(performance.now() - startedAt);
    if (problem !== null) return refused({ ...before, problem }, elapsed());
    log.info('upgrade.begins', `${request.program} is to take over`, { ...request });
    const listeners = estate.listeners;
    const bequest = estate.bequeath();
    let successor: Successor | null = null;
    let to: string | null = null;
    let isWithdrawn = false;
    let hasYielded = false;
    try {
      successor = startSuccessor(
        request,
        parts,
        [...listeners.map(({ fd }) => fd), ...(bequest === null ? [] : [bequest.fd])],
        (service, permits) => estate.borrowed(service, permits),
      );
      current = successor;
      const hello = expect(await successor.ask(null, HELLO_MS), 'hello', request);
      to = hello.version;
      if (hello.protocol < PROTOCOL) throw new Refused(words.otherProtocol(hello.version));
      const begin = {
        kind: 'begin',
        protocol: PROTOCOL,
        version,
        pid: process.pid,
        foreground: parts.foreground,
        stays: parts.stays,
        generation: estate.generation,
        listeners: listeners.map(({ address }) => address),
        passed: listeners.flatMap(({ address, isPassed }) => (isPassed === true ? [address] : [])),
        services: estate.known(),
        names: estate.names(),
        resets: true,
        bequest: bequest?.bequest,
      } as const;
      expect(await successor.ask(begin, PREPARED_MS), 'prepared', request);
      isWithdrawn = true;
      await estate.withdraw();
      hasYielded = true;
      parts.yield();
      const counted = await estate.counted();
      const were = counted.held.clients.all;
      const given = { kind: 'yield', history: parts.history(), ...counted } as const;
      const { generation, takes, lends } = expect(await successor.ask(given, SERVING_MS), 'serving', request);
      if (!parts.isFollowedBy(successor.pid)) throw new Refused(words.confused(request));
      await handOver(successor, takes, lends === true, request);
      parts.follow(successor.pid);
      log.info('upgrade.done', `bal ${to} serves`, { pid: successor.pid, from: version, to });
      const { left } = estate;
      const connections = Math.max(0, were - left.connections);
      const counts = { connections, draining: left.connections === 0 ? null : left, duration_ms: elapsed() };
      const verdict = { ok: true, from: version, to, pid: successor.pid, generation, problem: null, errors: [] };
      // In the same turn: callers waiting for the successor must not find this instance still serving.
      estate.leave();
      follower = successor;
      return { verdict: { ...verdict, ...counts }, successor };
    } catch (error) {
      await successor?.kill();
      estate.keep();
      const front = hasYielded ? await parts.takeBack(successor?.pid ?? 0) : null;
      const back = isWithdrawn ? await resume(front) : null;
      const why = back ?? (error instanceof Refused ? error.problem : words.defect(error));
      const errors = error instanceof Refused ? error.errors : [];
      return refused({ ...before, to, problem: why, errors }, elapsed());
    } finally {
      current = null;
    }
  }

  async function resume(front: Diagnosis | 'taken' | null): Promise<Diagnosis | null> {
    // If another instance has the name, do not serve beside it. An aborted instance needs its name only to end.
    if (front === 'taken') return words.taken;
    if (isAborted) return words.aborted;
    try {
      return (await estate.resume()) ?? front;
    } catch (error) {
      return words.defect(error);
    }
  }

  /** Resolves when nothing that can go is left here; rejects if the successor ends meanwhile. */
  async function handOver(
    successor: Successor,
    takes: boolean,
    lends: boolean,
    request: UpgradeRequest,
  ): Promise<void> {
    const stopCounting = keepCounting(successor, estate);
    try {
      const since = performance.now();
      if (lends) estate.borrow();
      estate.giveAway(takes ? () => successor.send({ kind: 'offered' }) : null);
      const settled = estate.settled(since, SETTLED_MS).then(() => null);
      const answer = await Promise.race([settled, successor.ask(null, 2 * SETTLED_MS)]);
      if (answer !== null) expect(answer, 'serving', request);
    } finally {
      successor.forget();
      stopCounting();
    }
    const counted = await estate.counted();
    if (isAborted) throw new Refused(words.aborted);
    // It may have ended meanwhile. From here on nobody would take its place.
    const last = await successor.ask(null, LAST_LOOK_MS);
    if (last.kind === 'gone') expect(last, 'serving', request);
    successor.send({ kind: 'counted', ...counted });
    successor.send({ kind: 'through' });
  }

  function refused(
    verdict: Pick<UpgradeVerdict, 'from' | 'to' | 'pid' | 'generation' | 'errors'> & { problem: Diagnosis },
    duration_ms: number,
  ): Upgraded {
    log.error('upgrade.refused', `the upgrade failed, and this program serves on: ${verdict.problem.what_happened}`, {
      to: verdict.to,
      ...verdict.problem,
    });
    return { verdict: { ok: false, connections: 0, draining: null, duration_ms, ...verdict }, successor: null };
  }

  return {
    run(request) {
      const result = estate.inTurn(() => attempt(request));
      running = result;
      return result;
    },
    over: () => running.then(() => follower),
    abort() {
      isAborted = true;
      void current?.kill();
      return running;
    },
  };
}

function expect<K extends 'hello' | 'prepared' | 'serving'>(
  answer: Answer,
  kind: K,
  request: UpgradeRequest,
): Extract<Answer, { kind: K }> {
  if (answer.kind === kind) return answer as Extract<Answer, { kind: K }>;
  if (answer.kind === 'failed') throw new Refused(answer.problem, answer.errors);
  if (answer.kind === 'gone') throw new Refused(words.ended(request, answer.how, kind === 'hello'));
  throw new Refused(answer.kind === 'silent' ? words.silent(request, kind === 'hello') : words.confused(request));
}
