// Answers for the control socket and the admin listener.

import type { AdminHandlers } from '../control/admin.ts';
import type { ControlHandlers } from '../control/server.ts';
import type { Instance } from './instance.ts';
import type { Events } from './log/events.ts';
import type { Sink } from './log/log.ts';
import { adminPage } from './views/admin-page.ts';
import { readinessOf } from './views/readiness.ts';
import { metricsOf, statusOf } from './views/status.ts';
import { whyOf } from './views/why.ts';
import type { Watching } from './watch/watch.ts';

export interface Answered {
  readonly instance: Instance;
  readonly sink: Sink;
  readonly events: Events;
  /** performance.now() */
  readonly startedAt: number;
  readonly watching: Pick<Watching, 'status'>;
}

type Here = <T>(act: () => Promise<T>) => Promise<T>;

export function adminAnswers({ instance, sink, events, startedAt, watching }: Answered): AdminHandlers {
  return {
    status: () => statusOf(instance, sink, startedAt, watching.status),
    metrics: () => metricsOf(instance, sink, startedAt),
    readiness: () => readinessOf(instance),
    page: adminPage,
    hosts: () => instance.plan.adminHosts,
    events,
  };
}

/** `here` runs a change when no upgrade is under way, and only if this process still serves. */
export function controlAnswers(
  { instance, sink, events, startedAt, watching }: Answered,
  changes: Pick<ControlHandlers, 'reload' | 'upgrade' | 'stop'> & { readonly here: Here },
): ControlHandlers {
  const { here } = changes;
  return {
    status: () => statusOf(instance, sink, startedAt, watching.status),
    metrics: () => metricsOf(instance, sink, startedAt),
    // The file as it was read: doctor compares it with the file as it is now.
    plan: () => Promise.resolve(instance.filePlan),
    backends: (request) => here(() => instance.change(request)),
    reload: () => here(() => changes.reload()),
    why: () => Promise.resolve(whyOf(instance)),
    upgrade: (request) => here(() => changes.upgrade(request)),
    events,
    stop: (request, progress) => changes.stop(request, progress),
  };
}
