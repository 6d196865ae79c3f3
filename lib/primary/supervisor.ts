// The process around an instance. Owns home, log and signals, and replaces or is replaced by another process in an upgrade.

import { mkdirSync } from 'node:fs';

import { loadConfig } from '../../config/load.ts';
import type { Plan } from '../../config/plan.ts';
import type { Problem } from '../../config/problem.ts';
import type { ReloadVerdict, StopProgress, StopRequest, Diagnosis } from '../control/protocol.ts';
import { serveAdmin } from '../control/admin.ts';
import { Elsewhere } from '../control/router.ts';
import { deferred } from '../deferred.ts';
import { home, type Home } from '../paths.ts';
import { adminAnswers, controlAnswers } from './answers.ts';
import { createFront, type Front } from './front.ts';
import { createInstance } from './instance.ts';
import type { Passed } from './listen/activation.ts';
import { createAdminListener } from './listen/admin-listener.ts';
import { openStore } from './live/store.ts';
import { createEvents, type Events } from './log/events.ts';
import { watchDefects } from './log/defects.ts';
import { openTerminal } from './log/stdout.ts';
import { openFiles } from './log/log-file.ts';
import { logStarted, logStarting, logStopped } from './log/lifecycle.ts';
import type { RootLog, Sink } from './log/log.ts';
import { createLog } from './log/log.ts';
import { logWarnings } from './log/config-warnings.ts';
import { alreadyRunning, badConfig, cannotServe, notNow, noLog } from './reload/verdict.ts';
import type { Predecessor } from './upgrade/predecessor.ts';
import type { Successor } from './upgrade/successor.ts';
import { createServiceManager, stateInALine } from './service-manager.ts';
import { createWatching } from './watch/watch.ts';
import { handleSignals } from './upgrade/signals.ts';
import { followUp, leave, takeOver } from './upgrade/succeed.ts';
import { createUpgrade } from './upgrade/upgrade.ts';

/** Clients are served during this time. */
const FIRST_CHECKS_MS = 2000;

export interface SuperviseOptions {
  /** Absolute. */
  readonly configPath: string;
  /** Reload whenever the configuration's files change. */
  readonly watch: boolean;
  /** Log to stdout instead of files. */
  readonly foreground: boolean;
  /** Sockets passed by a service manager. */
  readonly passed: Passed;
  /** The instance in this home to replace, or null. */
  readonly predecessor: Predecessor | null;
  /** Called once every worker accepts connections, and the first checks are done or take too long. `warning`: there is no log. */
  onReady(warning: Diagnosis | null): void;
}

export type SuperviseResult =
  /** `exitCode`: another process serves now; this one must exit with that code and leave its sockets alone. */
  | { readonly ok: true; readonly exitCode: number | null }
  | { readonly ok: false; readonly problem: Diagnosis; readonly errors: readonly Problem[] };

/** Runs a whole instance in this process. Resolves when it has stopped, or at once with the problem if it cannot run. */
export async function supervise(options: SuperviseOptions): Promise<SuperviseResult> {
  const loaded = await loadConfig(options.configPath);
  if (loaded.plan === null) {
    return { ok: false, problem: badConfig(loaded.configPath, loaded.errors), errors: loaded.errors };
  }
  const at = home();
  try {
    // An existing directory keeps its mode: it may be /tmp or /etc. Socket, PID file and logs have modes of their own.
    mkdirSync(at.dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    return { ok: false, problem: cannotServe(error), errors: [] };
  }
  const front = createFront(at);
  const claim = options.predecessor === null ? front.claim(null) : null;
  if (claim?.ok === false) return { ok: false, problem: alreadyRunning(claim.pid), errors: [] };
  const sink = options.foreground ? await openTerminal() : await openFiles(at.logDir);
  const events = createEvents();
  const log = createLog(sink, loaded.plan.logLevel, events);
  const forget = watchDefects(log, sink, () => front.release());
  try {
    return await run(options, at, { plan: loaded.plan, warnings: loaded.warnings }, { log, sink, events, front });
  } catch (error) {
    return { ok: false, problem: cannotServe(error), errors: [] };
  } finally {
    front.release();
    await sink.close();
    forget();
  }
}

/** Where the instance reports, and where it is found. */
interface Outlets {
  readonly log: RootLog;
  readonly sink: Sink;
  readonly events: Events;
  readonly front: Front;
}

async function run(
  options: SuperviseOptions,
  at: Home,
  { plan, warnings }: { readonly plan: Plan; readonly warnings: readonly Problem[] },
  { log, sink, events, front }: Outlets,
): Promise<SuperviseResult> {
  const startedAt = performance.now();
  const { predecessor, passed } = options;
  const over = deferred<Successor | null>();
  const admin = createAdminListener((host, port) =>
    serveAdmin(host, port, adminAnswers({ instance, sink, events, startedAt, watching })),
  );
  const kept = await openStore(at.backendsFile, plan.configPath, log);
  const instance = createInstance(plan, {
    kept,
    before: predecessor ?? { listeners: passed.sockets },
    log,
    admin,
    watchers: front.watchers,
    handoverPath: (pid) => at.handover(pid),
  });
  const manager = createServiceManager({ environment: process.env, status: () => stateInALine(instance) });
  // A service manager can follow the successor by pid. Any other parent waits for this process, so it stays.
  const stays = options.foreground && !manager.isThere;
  const drainMs = (): number => Math.max(...instance.plan.services.map(({ runtime }) => runtime.drainMs));
  let isStopping = false;

  async function stop(request: StopRequest, progress: (line: StopProgress) => void = () => undefined): Promise<void> {
    const isFirst = !isStopping;
    isStopping = true;
    if (isFirst) log.info('bal.stopping', 'no new connections are accepted', { ...request });
    manager.stopping();
    // End an upgrade that is under way, and let connections from a predecessor arrive first.
    await upgrade.abort();
    await predecessor?.through;
    const cuts = await Promise.all([instance.stop(request, progress), predecessor?.stop(request, drainMs()) ?? 0]);
    const cut = cuts[0] + cuts[1];
    progress({ remaining: 0, cut });
    if (!isFirst) return;
    logStopped(log, cut, startedAt);
    over.resolve(null);
  }

  /** Runs `act` when no upgrade is under way. Rejects if another process serves after the upgrade. */
  async function here<T>(act: () => Promise<T>): Promise<T> {
    await predecessor?.through;
    if ((await upgrade.over()) !== null) throw new Elsewhere();
    return await act();
  }

  const reload = (): Promise<ReloadVerdict> => manager.during(() => instance.reload());
  const watching = createWatching({
    log,
    configPath: plan.configPath,
    contents: instance.contents,
    reload: () => (isStopping ? Promise.resolve(null) : here(reload).catch(() => null)),
  });
  const upgrade = createUpgrade({
    log,
    estate: instance.estate,
    config: plan.configPath,
    homeDir: at.dir,
    foreground: options.foreground,
    watches: options.watch,
    stays,
    follow: (pid) => manager.follow(pid),
    refusal: () => (instance.phase === 'running' ? null : notNow(instance.phase)),
    history: () => ({
      reloads: instance.reloads,
      respawned: instance.respawned,
      linesDropped: sink.dropped + instance.linesDropped,
      events: events.recent(),
    }),
    yield: () => front.yield(),
    isFollowedBy: (pid) => front.names(pid),
    async takeBack(pid) {
      const fault = await front.takeBack(pid, instance.plan);
      return fault === null || fault === 'taken' ? fault : cannotServe(fault);
    },
  });

  // The first signal lets connections finish, the second cuts them.
  const terminate = (): void => void stop({ timeout_ms: null, now: isStopping });
  const signals = handleSignals({
    SIGTERM: terminate,
    SIGINT: terminate,
    SIGHUP: () => void here(reload).catch(() => upgrade.over().then((it) => it?.signal('SIGHUP'))),
    SIGUSR2: () => sink.reopen(),
  });
  const handlers = controlAnswers(
    { instance, sink, events, startedAt, watching },
    {
      here,
      reload,
      stop,
      async upgrade(request) {
        const { verdict, successor } = await upgrade.run(request);
        if (successor !== null) {
          if (stays) signals.passOn((name) => successor.signal(name));
          over.resolve(successor);
        }
        return verdict;
      },
    },
  );

  /** Starts serving. Returns the problem, or null. */
  async function begin(): Promise<Diagnosis | null> {
    logStarting(log, plan, predecessor, passed.faults);
    logWarnings(log, warnings, plan.configPath);
    if (predecessor === null) instance.estate.revive(at.dir);
    const problem = predecessor === null ? null : await takeOver(predecessor, instance, { front, events });
    if (problem !== null) return problem;
    const refused = await front.serve(handlers, plan);
    if (refused !== null) return refused;
    logWarnings(log, front.watchers.obstacles(), plan.configPath);
    const started = await instance.start();
    return started.ok ? null : started.problem;
  }

  try {
    const problem = await begin().catch(cannotServe);
    // A stop during the start is no failure, and drains clients that came already. A predecessor that waits serves on instead.
    if (isStopping && predecessor === null) await over.promise;
    else if (problem !== null) {
      log.error('bal.failed', problem.what_happened, { ...problem });
      if (instance.phase === 'starting') await instance.stop({ timeout_ms: 0, now: true }, () => undefined);
      return { ok: false, problem, errors: [] };
    }
    if (isStopping) return { ok: true, exitCode: null };
    logStarted(log, plan, startedAt);
    const takes = instance.fleet.all().some(({ engine, state }) => engine === 'native' && state === 'ready');
    const { generation, estate } = instance;
    if (predecessor !== null)
      followUp(predecessor, { generation, estate, takes }, () => predecessor.stays && terminate());
    // The next status request should show checked backends, not unchecked ones.
    await Promise.race([instance.services.settled(FIRST_CHECKS_MS), over.promise]);
    const serves = !isStopping && (instance.phase === 'running' || instance.phase === 'reloading');
    if (serves) manager.ready();
    if (serves && options.watch) watching.begin();
    if (!isStopping) options.onReady(sink.fault === null ? null : noLog(at.logDir, sink.fault));
    const successor = await over.promise;
    if (successor === null) return { ok: true, exitCode: null };
    const leaving = leave(successor, instance, { foreground: stays, before: predecessor, drainMs: drainMs() });
    // At once, because the successor may be stopped while clients hold the old control socket.
    const [exitCode] = await Promise.all([leaving, watching.close(), front.close()]);
    return { ok: true, exitCode };
  } finally {
    await Promise.all([watching.close(), front.close()]);
    signals.close();
    manager.close();
  }
}
