// One part for each service: what it is, what is unusual, and its backends.

import { addressOf } from '../../../config/plan.ts';
import { discoveryIn, discoveryText } from '../../control/discovery.ts';
import { askedText, listenerText } from '../../control/listeners.ts';
import { addressWithShare } from '../../control/share.ts';
import type { BackendStatus, ServiceStatus } from '../../control/protocol.ts';
import { failedShare } from '../../control/recent.ts';
import type { Rates } from '../../control/rates.ts';
import { backendKey } from '../../control/rates.ts';
import { bytes, duration } from '../../units.ts';
import type { Model } from '../model.ts';
import { stateSince } from '../model.ts';
import { downSentence, endsSentence, failuresSentence, protectionSentence, rate } from '../words.ts';
import type { Part } from './dom.ts';
import { byId, element, keyed, setOptional, setText } from './dom.ts';
import { sparkline, type Minute } from './sparkline.ts';
import { badge, createTable, type Column, type Tone } from './table.ts';

interface Row {
  readonly backend: BackendStatus;
  readonly rates: Rates | undefined;
  readonly minute: Minute;
  /** How long it has been in its state, in ms. */
  readonly forMs: number | null;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'Backend', text: ({ backend }) => addressWithShare(backend) },
  { title: 'State', cell: badge(({ backend, forMs }) => ({ text: stateText(backend, forMs), tone: toneOf(backend) })) },
  { title: 'Open', numeric: true, text: ({ backend }) => String(backend.active_connections ?? '-') },
  { title: 'Connections/s', numeric: true, text: ({ rates }) => rate(rates?.connections ?? 0) },
  { title: 'In/s', numeric: true, text: ({ rates }) => bytes(rates?.bytesIn ?? 0) },
  { title: 'Out/s', numeric: true, text: ({ rates }) => bytes(rates?.bytesOut ?? 0) },
  { title: 'Connections', numeric: true, text: ({ backend }) => String(backend.connections_total ?? '-') },
  { title: 'Errors', numeric: true, text: ({ backend }) => errorsText(backend) },
  { title: 'Failed lately', numeric: true, text: ({ backend }) => failedShare(backend.recent) ?? '-' },
  {
    title: 'Last minute',
    cell: (cell) => {
      const show = sparkline(cell);
      return ({ minute }) => show(minute);
    },
  },
];

export function createServices(): (model: Model) => void {
  let model: Model | null = null;
  const update = keyed<ServiceStatus>(
    byId('services'),
    ({ name }) => name,
    ({ name }) => createService(name, () => model),
  );
  return (next) => {
    model = next;
    update(next.history?.status.services ?? []);
  };
}

function createService(name: string, model: () => Model | null): Part<ServiceStatus> {
  const facts = element('p');
  const protection = element('p', { class: 'note' });
  const failures = element('p', { class: 'note' });
  const down = element('p', { class: 'note' });
  const names = element('p', { class: 'names' });
  const ends = element('p', { class: 'muted' });
  const shared = element('p');
  const { table, update } = createTable(`Backends of ${name}`, COLUMNS, ({ backend }) => backend.address);
  return {
    node: element(
      'article',
      {},
      element('h3', {}, name),
      facts,
      protection,
      failures,
      down,
      names,
      table,
      ends,
      shared,
    ),
    update(service) {
      setText(facts, factsOf(service));
      setOptional(protection, protectionSentence(service.protection_mode));
      setOptional(failures, failuresSentence(service.recent));
      setOptional(down, downSentence(service));
      setOptional(names, discoveryIn(service).map(discoveryText).join('; ') || null);
      setOptional(ends, endsSentence(service.ends));
      const now = model();
      // Below the first one that shares it.
      const listeners = now?.history?.status.listeners ?? [];
      setOptional(
        shared,
        listeners
          .filter(({ services: [first] }) => first === name)
          .map(listenerText)
          .join('; ') || null,
      );
      if (now !== null) update(service.backends.map((backend) => rowOf(now, name, backend)));
    },
  };
}

function rowOf({ history, states, events }: Model, service: string, backend: BackendStatus): Row {
  const key = backendKey(service, backend.address);
  const since = stateSince(events, service, backend.address);
  return {
    backend,
    rates: history?.backends.get(key),
    minute: { trend: history?.trend.get(key) ?? [], states: states.get(key) ?? [] },
    forMs: since === null ? null : Math.max(0, Date.now() - since),
  };
}

function factsOf(service: ServiceStatus): string {
  const { bind_address, port, method, backend_total, backend_reachable, active_connections } = service;
  return [
    addressOf(bind_address, port) + askedText(service),
    method,
    `${backend_reachable ?? '?'} of ${backend_total} backends up`,
    `${active_connections ?? '?'} open`,
  ].join(', ');
}

function stateText({ state, cooldown_ms }: BackendStatus, forMs: number | null): string {
  const name = state ?? 'unknown';
  if ((cooldown_ms ?? 0) > 0) return `${name}, cooling down`;
  return forMs === null || (state !== 'up' && state !== 'down') ? name : `${name} for ${duration(forMs)}`;
}

function toneOf({ state, cooldown_ms }: BackendStatus): Tone {
  if (state === 'down') return 'bad';
  return state === 'up' && (cooldown_ms ?? 0) === 0 ? 'good' : 'odd';
}

function errorsText({ counters }: BackendStatus): string {
  if (counters === null) return '-';
  const { refused, timeout, other } = counters;
  const parts = Object.entries({ refused, timeout, other }).filter(([, count]) => count > 0);
  return parts.length === 0 ? '0' : parts.map(([cause, count]) => `${count} ${cause}`).join(', ');
}
