// How the page puts things. Pure.

import type { ProtectionStatus, Readiness, ServiceStatus, Status } from '../control/protocol.ts';
import { failuresText } from '../control/recent.ts';
import { counted, duration, listed } from '../units.ts';
import type { Link } from './model.ts';

/** One digit below 100, none above: `0.5`, `12.3`, `1234`. */
export function rate(value: number): string {
  return value >= 100 ? String(Math.round(value)) : Number(value.toFixed(1)).toString();
}

export function time(ms: number): string {
  return new Date(ms).toLocaleTimeString();
}

export function linkText(link: Link): string {
  switch (link.kind) {
    case 'connecting':
      return 'Connecting …';
    case 'connected':
      return 'Live';
    case 'lost':
      return `Not connected since ${time(link.since)}; trying again. The figures are the last known.`;
  }
}

export function titleOf(status: Status | null, link: Link): string {
  if (link.kind === 'lost') return 'bal: not connected';
  if (status === null) return 'bal';
  const { up, total } = reachable(status);
  return `bal: ${up} of ${total} up`;
}

export function reachable({ services }: Status): { readonly up: number; readonly total: number } {
  return {
    up: services.reduce((sum, service) => sum + (service.backend_reachable ?? 0), 0),
    total: services.reduce((sum, service) => sum + service.backend_total, 0),
  };
}

export function readinessText(readiness: Readiness | null): string {
  if (readiness === null) return '-';
  return readiness.ready ? 'Ready' : `Not ready: ${readiness.reasons.join('; ')}`;
}

/** Of the whole instance. */
export function protectionText({ services }: Status): string {
  const on = services.filter(({ protection_mode }) => protection_mode.enabled === true);
  if (on.length === 0) return 'Off';
  return services.length === 1 ? 'On' : `On for ${on.map(({ name }) => name).join(', ')}`;
}

/** Of one service; null while it is off. */
export function protectionSentence({ enabled, reason, since, exit_condition }: ProtectionStatus): string | null {
  if (enabled !== true) return null;
  const began = since === null ? '' : ` since ${time(Date.parse(since))}`;
  return `Protection mode is on${began}: ${reason ?? 'unknown'}; ends ${exit_condition ?? 'by itself'}`;
}

/** Which backends of one service are down; null while none is. They may be far below on a small screen. */
export function downSentence({ backends }: Pick<ServiceStatus, 'backends'>): string | null {
  const down = backends.filter(({ state }) => state === 'down').map(({ address }) => address);
  return down.length === 0 ? null : `Down: ${listed(down)}`;
}

/** What the last clients of a service met; null while hardly any fails. */
export function failuresSentence(recent: ServiceStatus['recent']): string | null {
  if (recent?.failing !== true) return null;
  const since = recent.since === null ? null : time(Date.parse(recent.since));
  return failuresText({ ...recent, since }, 'clients');
}

/** Why connections have ended, the most frequent reason first; null before any has. */
export function endsSentence(ends: ServiceStatus['ends']): string | null {
  const seen = Object.entries(ends ?? {}).filter(([, count]) => count > 0);
  if (seen.length === 0) return null;
  const sorted = seen.sort(([, a], [, b]) => b - a).map(([reason, count]) => `${reason} ${count}`);
  return `Connections ended: ${sorted.join(', ')}`;
}

export function instanceText({ version, engine, uptime_ms, generation, workers }: Status): string {
  const ready = workers.filter(({ state }) => state === 'ready').length;
  return [
    `version ${version}`,
    `engine ${engine ?? '?'}`,
    `up ${duration(uptime_ms ?? 0)}`,
    `generation ${generation ?? '?'}`,
    counted(ready, 'worker'),
  ].join(', ');
}
