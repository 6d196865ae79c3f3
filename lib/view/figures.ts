// The figures of the whole instance, as `status`, `top` and the page show them. Pure, and fit for a browser.

import { drainingText } from '../control/facts.ts';
import type { Status } from '../control/protocol.ts';
import type { History } from '../control/rates.ts';
import { refusedIn } from '../control/totals.ts';
import { bytes, counted, duration } from '../units.ts';
import { dateTime } from './clock.ts';
import { upCounts, type Tone } from './state.ts';

export interface Figure {
  readonly name: string;
  readonly value: string;
  readonly tone: Tone;
  /** Shown where there is room. */
  readonly detail: string | null;
}

/** The share of the limit from which it deserves a look. */
const NEARLY_FULL = 0.9;

/** Most important first: with little room, the last ones go. */
export function figuresOf({ status, total }: History): Figure[] {
  const { services, totals, max_connections: most, workers } = status;
  const { up, total: all } = upCounts(services);
  const open = totals?.active_connections ?? 0;
  const ready = workers.filter(({ state }) => state === 'ready').length;
  const figure = (name: string, value: string, tone: Tone = 'good', detail: string | null = null): Figure => {
    return { name, value, tone, detail };
  };
  const isNearlyFull = most !== null && most > 0 && open >= NEARLY_FULL * most;
  const upTone = up === 0 ? 'bad' : up === all ? 'good' : 'odd';
  return [
    figure('backends up', `${up} of ${all}`, upTone),
    figure('open', `${open} of ${most ?? '?'}`, isNearlyFull ? 'odd' : 'good'),
    figure('conn/s', rateText(total.connections)),
    figure('refused', String(refusedOf(status)), total.refused > 0 ? 'odd' : 'good', refusedText(status)),
    figure('in/s', bytes(total.bytesIn)),
    figure('out/s', bytes(total.bytesOut)),
    figure('workers', String(ready), ready === 0 ? 'bad' : 'good'),
  ];
}

type WithRefused = Parameters<typeof refusedIn>[0];

/** Counts the clients refused since start. */
export function refusedOf(status: WithRefused): number {
  const { byRules, byFirstBytes, withoutBackend } = refusedIn(status);
  return byRules + byFirstBytes + withoutBackend;
}

/** `2 by rules and limits, 1 without a backend`: why clients were refused since start; null if none was. */
export function refusedText(status: WithRefused): string | null {
  const { byRules, byFirstBytes, withoutBackend } = refusedIn(status);
  const parts = [
    ...(byRules > 0 ? [`${byRules} by rules and limits`] : []),
    ...(byFirstBytes > 0 ? [`${byFirstBytes} by their first bytes`] : []),
    ...(withoutBackend > 0 ? [`${withoutBackend} without a backend`] : []),
  ];
  return parts.length === 0 ? null : parts.join(', ');
}

/** Lists anomalies beside the services: workers that died, connections in old workers, lost log lines. */
export function oddities({ totals, draining, log, refused_reload: rejected }: Status): string[] {
  const { workers_respawned_total: respawned = 0, log_lines_dropped_total: dropped = 0 } = totals ?? {};
  const old = drainingText(draining, (until) => dateTime(Date.parse(until)));
  return [
    ...(old === null ? [] : [old]),
    ...(respawned > 0
      ? [`${counted(respawned, 'worker')} replaced after ${respawned === 1 ? 'its' : 'their'} death`]
      : []),
    ...(dropped > 0 ? [`${counted(dropped, 'log line')} dropped`] : []),
    ...((rejected ?? null) === null
      ? []
      : [`the reload at ${dateTime(Date.parse(rejected?.since ?? ''))} was rejected: see 'bal status'`]),
    ...((log?.fault ?? null) === null ? [] : [`log: ${log?.fault}`]),
  ];
}

/** Most important first. */
export function instanceFacts({ version, engine, uptime_ms, generation }: Status): string[] {
  return [
    `running for ${duration(uptime_ms ?? 0)}`,
    `engine ${engine ?? '?'}`,
    `generation ${generation ?? '?'}`,
    `version ${version}`,
  ];
}

/** `lb-1`; with an unusual home `lb-1/edge`: its last part tells instances of one machine apart. */
export function instanceName({ host, home }: Partial<Pick<Status, 'host' | 'home'>>): string {
  const own = (home ?? '').split('/').findLast((part) => part !== '') ?? '';
  const isUsual = own === '' || own === '.bal' || own === 'bal';
  return `${host ?? ''}${isUsual ? '' : `/${own}`}`;
}

/** One digit below 100, none above: `0.5`, `12.3`, `1234`. */
export function rateText(value: number): string {
  return value >= 100 ? String(Math.round(value)) : Number(value.toFixed(1)).toString();
}
