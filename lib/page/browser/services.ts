// One section per service, the worst first: what it is, anything unusual, and its backends.

import { discoveryIn, discoveryText } from '../../control/discovery.ts';
import { askedText, listenerText, whereOf } from '../../control/listeners.ts';
import type { ServiceStatus } from '../../control/protocol.ts';
import { BACKEND_COLUMNS, backendRow, statesSince, type BackendRow } from '../../view/columns.ts';
import { notesOf } from '../../view/notes.ts';
import { backendShown, serviceShown, upText, worstFirst, type Shown } from '../../view/state.ts';
import type { Model } from '../model.ts';
import { endsSentence } from '../words.ts';
import type { Part } from './dom.ts';
import { byId, element, keyed, setAttribute, setOptional, setText } from './dom.ts';
import { sparkline, type Minute } from './sparkline.ts';
import { createTable, shownBy, type PageColumn } from './table.ts';

interface Row extends BackendRow {
  readonly minute: Minute;
}

const COLUMNS: readonly PageColumn<Row>[] = [
  ...BACKEND_COLUMNS.map((column) => shownBy<Row>(column)),
  {
    title: 'Trend',
    titleClass: 'number trend-title',
    cell: (cell) => {
      const show = sparkline(cell);
      return ({ minute }) => show(minute);
    },
  },
];

/** The first ones of many backends are enough, because the worst come first. */
const FEW = 25;

export function createServices(changed: () => void): (model: Model, now: number) => void {
  let model: Model | null = null;
  let wall = 0;
  const update = keyed<ServiceStatus>(
    byId('services'),
    ({ name }) => name,
    ({ name }) =>
      createService(
        name,
        () => model,
        () => wall,
        changed,
      ),
  );
  return (next, now) => {
    model = next;
    wall = now;
    const { services = [], state = null } = next.history?.status ?? {};
    update(worstFirst(services, (service) => serviceShown(service, state)));
  };
}

function createService(
  name: string,
  model: () => Model | null,
  wall: () => number,
  changed: () => void,
): Part<ServiceStatus> {
  const state = element('span');
  const facts = element('p', { class: 'facts' });
  const notes = element('div');
  const showNotes = keyed<Shown>(notes, ({ text }) => text, note);
  const names = element('p', { class: 'names' });
  const ends = element('p', { class: 'muted' });
  const shared = element('p');
  const more = element('button', { type: 'button' });
  let all = false;
  more.addEventListener('click', () => {
    all = !all;
    changed();
  });
  const { table, update } = createTable(`Backends of ${name}`, COLUMNS, ({ backend }) => backend.address);
  const title = element('h3', {}, `${name} `, state);
  const node = element('article', {}, title, facts, notes, names, table, more, ends, shared);
  return {
    node,
    update(service) {
      const now = model();
      const { text, tone } = serviceShown(service, now?.history?.status.state ?? null);
      setText(state, text);
      setAttribute(state, 'class', `badge ${tone}`);
      setAttribute(node, 'class', tone);
      setText(facts, factsOf(service));
      showNotes(notesOf(service));
      // Problems with a name are shown as notes.
      const well = discoveryIn(service).filter(({ failure, left_out }) => failure === null && left_out === 0);
      setOptional(names, well.map(discoveryText).join('; ') || null);
      setOptional(ends, endsSentence(service.ends));
      setOptional(shared, now === null ? null : sharedText(now, name));
      const count = service.backends.length;
      more.hidden = count <= FEW;
      setText(more, all ? `Show the first ${FEW} only` : `Show all ${count} backends`);
      if (now !== null) update(rowsOf(now, service, wall()).slice(0, all ? count : FEW));
    },
  };
}

function note({ text, tone }: Shown): Part<Shown> {
  return { node: element('p', { class: `note ${tone}` }, text), update: () => undefined };
}

/** Shown below the first service of the listener. */
function sharedText({ history }: Model, name: string): string | null {
  const listeners = (history?.status.listeners ?? []).filter(({ services: [first] }) => first === name);
  return listeners.map(listenerText).join('; ') || null;
}

function rowsOf({ history, states, events }: Model, service: ServiceStatus, now: number): Row[] {
  if (history === null) return [];
  const since = statesSince(events);
  return worstFirst(service.backends, backendShown).map((backend) => {
    const row = backendRow(history, since, service, backend, now);
    return { ...row, minute: { trend: history.trend.get(row.key) ?? [], states: states.get(row.key) ?? [] } };
  });
}

function factsOf(service: ServiceStatus): string {
  const { method, active_connections } = service;
  return [whereOf(service) + askedText(service), method, upText(service), `${active_connections ?? '?'} open`].join(
    ', ',
  );
}
