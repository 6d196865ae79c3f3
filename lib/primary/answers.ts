// What the control socket and the admin listener answer with.

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

/** `here`: when nothing is in the way of a change, and only if this process is the one to make it. */
export function controlAnswers(
  { instance, sink, events, startedAt, watching }: Answered,
  changes: Pick<ControlHandlers, 'reload' | 'upgrade' | 'stop'> & { readonly here: Here },
): ControlHandlers {
  const { here } = changes;
  return {
    status: () => statusOf(instance, sink, startedAt, watching.status),
    metrics: () => metricsOf(instance, sink, startedAt),
    // What the file said: doctor compares it with what it says now.
    plan: () => Promise.resolve(instance.filePlan),
    backends: (request) => here(() => instance.change(request)),
    reload: () => here(() => changes.reload()),
    why: () => Promise.resolve(whyOf(instance)),
    upgrade: (request) => here(() => changes.upgrade(request)),
    events,
    stop: (request, progress) => changes.stop(request, progress),
  };
}
