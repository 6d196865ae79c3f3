// The figures at the top: readiness, connections and their limit, rates, protection.

import { drainingText } from '../../control/facts.ts';
import { bytes } from '../../units.ts';
import type { Model } from '../model.ts';
import { instanceText, protectionText, rate, reachable, readinessText } from '../words.ts';
import { byId, element, setAttribute, setText } from './dom.ts';

interface Figure {
  readonly name: string;
  readonly of: (model: Model) => string;
  /** Whether it deserves a second look. */
  readonly isOdd?: (model: Model) => boolean;
}

const FIGURES: readonly Figure[] = [
  {
    name: 'Readiness',
    of: ({ readiness }) => readinessText(readiness),
    isOdd: ({ readiness }) => readiness?.ready === false,
  },
  {
    name: 'Backends up',
    of: ({ history }) => {
      if (history === null) return '-';
      const { up, total } = reachable(history.status);
      return `${up} of ${total}`;
    },
    isOdd: ({ history }) => {
      if (history === null) return false;
      const { up, total } = reachable(history.status);
      return up < total;
    },
  },
  {
    name: 'Protection mode',
    of: ({ history }) => (history === null ? '-' : protectionText(history.status)),
    isOdd: ({ history }) =>
      history?.status.services.some((service) => service.protection_mode.enabled === true) ?? false,
  },
  {
    name: 'Connections open',
    of: ({ history }) => {
      const { totals, max_connections } = history?.status ?? {};
      return `${totals?.active_connections ?? '-'} of at most ${max_connections ?? '-'}`;
    },
  },
  { name: 'Connections/s', of: ({ history }) => rate(history?.total.connections ?? 0) },
  { name: 'Bytes in', of: ({ history }) => `${bytes(history?.total.bytesIn ?? 0)}/s` },
  { name: 'Bytes out', of: ({ history }) => `${bytes(history?.total.bytesOut ?? 0)}/s` },
  {
    name: 'Refused since start',
    of: ({ history }) => {
      const { rejected_total = 0, failed_total = 0 } = history?.status.totals ?? {};
      return `${rejected_total} by rules and limits, ${failed_total} without a backend`;
    },
  },
  {
    name: 'Workers',
    of: ({ history }) => {
      const workers = history?.status.workers ?? [];
      const respawned = history?.status.totals?.workers_respawned_total ?? 0;
      return [
        `${workers.filter(({ state }) => state === 'ready').length} ready`,
        ...(respawned === 0 ? [] : [`${respawned} replaced after a death`]),
        drainingText(history?.status.draining) ?? '',
      ]
        .filter((text) => text !== '')
        .join(', ');
    },
  },
];

export function createOverview(): (model: Model) => void {
  const list = byId('figures');
  const shows = FIGURES.map(({ name, of, isOdd }) => {
    const value = element('dd');
    const box = element('div', { class: 'figure' }, element('dt', {}, name), value);
    list.append(box);
    return (model: Model): void => {
      setText(value, of(model));
      setAttribute(box, 'class', isOdd?.(model) === true ? 'figure attention' : 'figure');
    };
  });
  const meter = byId('load');
  const state = byId('state');
  const instance = byId('instance');
  return (model) => {
    for (const show of shows) show(model);
    const { status } = model.history ?? {};
    if (status === undefined) return;
    setText(state, status.state ?? 'unknown');
    setText(instance, instanceText(status));
    setText(byId('config'), status.config_path ?? '-');
    setText(byId('pid'), String(status.pid ?? '-'));
    setAttribute(meter, 'max', String(status.max_connections ?? 1));
    setAttribute(meter, 'value', String(status.totals?.active_connections ?? 0));
  };
}
