// `bal upgrade`, the side of the program that runs: another one is started beside it, gets what it needs, and takes over. Until that
// says that it serves this one serves on, and it ends when nothing is left with it. Whatever fails before is told, and changes nothing.

import type { UpgradeRequest, UpgradeVerdict } from '../../control/upgrade.ts';
import type { Diagnosis } from '../../control/protocol.ts';
import { version } from '../../version.ts';
import type { Log } from '../log/log.ts';
import type { Estate } from './estate.ts';
import type { History } from './protocol.ts';
import { PROTOCOL } from './protocol.ts';
import type { Answer, Successor } from './successor.ts';
import { startSuccessor } from './successor.ts';
import * as words from './words.ts';

export interface UpgradeParts {
  readonly log: Log;
  readonly estate: Estate;
  readonly config: string;
  readonly foreground: boolean;
  /** Null: an upgrade can begin now. */
  refusal(): Diagnosis | null;
  history(): History;
  /** Control socket and PID file are the other one's from now on. */
  yield(): void;
  /** They are this one's again, which the process with that pid had, or it is returned why not. */
  takeBack(pid: number): Promise<Diagnosis | null>;
}

export interface Upgraded {
  readonly verdict: UpgradeVerdict;
  /** It serves; null: this one does. */
  readonly successor: Successor | null;
}

export interface Upgrade {
  /** In turn with reloads. Never rejects. */
  run(request: UpgradeRequest): Promise<Upgraded>;
  /** This instance is to end: so is one that is about to take its place. */
  abort(): void;
}

/** Node.js starts within 50 ms; a machine in trouble may be slow, but somebody waits for an answer. */
const HELLO_MS = 15_000;
/** As for a start. */
const PREPARED_MS = 60_000;
const SERVING_MS = 15_000;
/** Connections that go are gone within a second or two; others stay, and whoever upgrades does not wait for them. */
const SETTLED_MS = 10_000;
const COUNTED_MS = 200;

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

  async function attempt(request: UpgradeRequest): Promise<Upgraded> {
    const startedAt = performance.now();
    const problem = parts.refusal();
    const before = { from: version, to: null, pid: process.pid, generation: estate.generation, errors: [] };
    const elapsed = (): number => Math.round(performance.now() - startedAt);
    if (problem !== null) return refused({ ...before, problem }, elapsed());
    log.info('upgrade.begins', `${request.program} is to take over`, { ...request });
    const listeners = estate.listeners;
    const successor = startSuccessor(
      request,
      parts.config,
      listeners.map(({ fd }) => fd),
    );
    current = successor;
    let to: string | null = null;
    let hasYielded = false;
    try {
      const hello = expect(await successor.next(HELLO_MS), 'hello', request);
      to = hello.version;
      if (hello.protocol < PROTOCOL) throw new Refused(words.otherProtocol(hello.version));
      successor.send({
        kind: 'begin',
        protocol: PROTOCOL,
        version,
        pid: process.pid,
        foreground: parts.foreground,
        generation: estate.generation,
        listeners: listeners.map(({ address }) => address),
        services: estate.known(),
        names: estate.names(),
      });
      expect(await successor.next(PREPARED_MS), 'prepared', request);
      await estate.withdraw();
      hasYielded = true;
      parts.yield();
      const counted = await estate.counted();
      const were = Object.values(counted.held).reduce((sum, clients) => sum + clients, 0);
      successor.send({ kind: 'yield', history: parts.history(), ...counted });
      const { generation } = expect(await successor.next(SERVING_MS), 'serving', request);
      await handOver(successor, request);
      log.info('upgrade.done', `bal ${to} serves`, { pid: successor.pid, from: version, to });
      const { left } = estate;
      const connections = Math.max(0, were - left.connections);
      const counts = { connections, draining: left.connections === 0 ? null : left, duration_ms: elapsed() };
      const verdict = { ok: true, from: version, to, pid: successor.pid, generation, problem: null, errors: [] };
      return { verdict: { ...verdict, ...counts }, successor };
    } catch (error) {
      await successor.kill();
      const back = hasYielded ? await takeBack(successor.pid) : null;
      const why = back ?? (error instanceof Refused ? error.problem : words.defect(error));
      const errors = error instanceof Refused ? error.errors : [];
      return refused({ ...before, to, problem: why, errors }, elapsed());
    } finally {
      current = null;
    }
  }

  async function takeBack(pid: number): Promise<Diagnosis | null> {
    const front = await parts.takeBack(pid);
    return (await estate.resume()) ?? front;
  }

  /** Resolves when nothing is left here, or what is left stays; rejects when the other one has ended meanwhile. */
  async function handOver(successor: Successor, request: UpgradeRequest): Promise<void> {
    const count = async (): Promise<void> => successor.send({ kind: 'counted', ...(await estate.counted()) });
    const ticker = setInterval(() => void count(), COUNTED_MS);
    try {
      const since = performance.now();
      estate.giveAway(() => successor.send({ kind: 'offered' }));
      const settled = estate.settled(since, SETTLED_MS).then(() => null);
      const answer = await Promise.race([settled, successor.next(2 * SETTLED_MS)]);
      if (answer !== null) expect(answer, 'serving', request);
    } finally {
      clearInterval(ticker);
    }
    await count();
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
    run: (request) => estate.inTurn(() => attempt(request)),
    abort: () => void current?.kill(),
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
