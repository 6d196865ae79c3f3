// Notifies the service manager that started bal (sd_notify(3), Type=notify and notify-reload): ready, reloading, stopping,
// status, and the watchdog. Does nothing without $NOTIFY_SOCKET or without the addon.

import { loadAddon } from '../engine/addon.ts';
import { instanceSum } from './stats/totals.ts';
import { countBackends } from './upstream/pool.ts';
import type { Observed } from './views/observed.ts';

export interface ServiceManager {
  /** Whether there is a service manager. */
  readonly isThere: boolean;
  ready(): void;
  /** Announces a reload while `act` runs. */
  during<T>(act: () => Promise<T>): Promise<T>;
  stopping(): void;
  /** Makes the service manager follow another process from now on. */
  follow(pid: number): void;
  close(): void;
}

export interface ServiceManagerParts {
  readonly environment: NodeJS.ProcessEnv;
  /** One line about the current state. */
  readonly status: () => string;
  /** Throws if it fails. */
  readonly send?: (path: string, text: string) => void;
}

const STATUS_MS = 5000;

export function createServiceManager({ environment, status, send = notify }: ServiceManagerParts): ServiceManager {
  const path = environment['NOTIFY_SOCKET'] ?? '';
  let isThere = path !== '';
  let lastStatus = '';
  /** Only while this is true does READY=1 mean the end of a reload. */
  let isReady = false;
  let reloads = 0;

  function notifyManager(...lines: readonly string[]): void {
    if (!isThere) return;
    try {
      send(path, lines.join('\n'));
    } catch {
      // Nothing depends on it. A manager that is restarting gets the next one.
    }
  }

  /** Sends `STATUS=` only if it has changed. */
  function notifyStatus(): void {
    const now = oneLine(status());
    if (now !== lastStatus) notifyManager(`STATUS=${now}`);
    lastStatus = now;
  }

  if (isThere && send === notify && !loadAddon().ok) isThere = false;
  const everyMs = isThere ? watchdogMs(environment) : null;
  const watchdog = everyMs === null ? undefined : setInterval(() => notifyManager('WATCHDOG=1'), everyMs).unref();
  const statusTimer = isThere ? setInterval(notifyStatus, STATUS_MS).unref() : undefined;

  return {
    get isThere() {
      return isThere;
    },
    ready() {
      isReady = true;
      notifyManager('READY=1', `MAINPID=${process.pid}`);
      notifyStatus();
    },
    async during(act) {
      reloads++;
      if (isReady) notifyManager('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
      try {
        return await act();
      } finally {
        reloads--;
        // The last of several overlapping reloads ends the announcement. A refused reload counts too.
        if (isReady && reloads === 0) notifyManager('READY=1');
        if (isReady) notifyStatus();
      }
    },
    stopping() {
      isReady = false;
      notifyManager('STOPPING=1');
    },
    follow: (pid) => notifyManager(`MAINPID=${pid}`),
    close() {
      clearInterval(watchdog);
      clearInterval(statusTimer);
      isThere = false;
    },
  };
}

/** The line that `systemctl status` shows. */
export function stateInALine({ phase, plan, generation, services, statistics, contents }: Observed): string {
  const counts = plan.services.flatMap(({ name }) => {
    const service = services.get(name);
    return service === undefined ? [] : [countBackends(service.pool)];
  });
  const [up, total] = [sum(counts.map((it) => it.up)), sum(counts.map((it) => it.total))];
  const { active } = instanceSum(statistics.totals).clients;
  const refused = contents.refused === null ? '' : ', the last reload was refused';
  return `${stateWord(phase, counts)}: ${up} of ${total} backends up, ${active} open, generation ${generation}${refused}`;
}

/** The word that `bal status` uses, but without regard to failing clients. */
function stateWord(
  phase: Observed['phase'],
  counts: readonly { readonly up: number; readonly total: number }[],
): string {
  if (phase === 'draining') return 'stopping';
  if (phase !== 'running') return phase;
  if (counts.some(({ up }) => up === 0)) return 'failing';
  return counts.some(({ up, total }) => up < total) ? 'degraded' : 'running';
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

function notify(path: string, text: string): void {
  const loaded = loadAddon();
  if (loaded.ok) loaded.addon.notify(path, text);
}

/** Half the watchdog's timeout. Null if the manager has no watchdog, or watches another process. */
function watchdogMs(environment: NodeJS.ProcessEnv): number | null {
  const ms = Number(environment['WATCHDOG_USEC'] ?? '') / 1000;
  const pid = environment['WATCHDOG_PID'];
  const isOurs = pid === undefined || Number(pid) === process.pid;
  return Number.isFinite(ms) && ms >= 2 && isOurs ? Math.min(ms / 2, 2 ** 30) : null;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').slice(0, 500);
}
