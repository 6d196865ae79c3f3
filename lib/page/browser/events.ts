// The list of events, newest first: the last few, or all that bal remembers.

import { adviceOf, factsOf } from '../../control/facts.ts';
import type { EventRecord } from '../../control/protocol.ts';
import { counted } from '../../units.ts';
import { dateTime } from '../../view/clock.ts';
import type { Model } from '../model.ts';
import { byId, element, keyed, setText } from './dom.ts';

const FEW = 15;
const TONES = { INFO: 'good', WARN: 'odd', ERROR: 'bad' } as const;

/** Calls `changed` when the reader asks for more or fewer. */
export function createEvents(changed: () => void): (model: Model) => void {
  const update = keyed<EventRecord>(
    byId('events'),
    // The numbers start again after a restart.
    ({ seq, timestamp }) => `${seq} ${timestamp}`,
    (event) => ({ node: entry(event), update: () => undefined }),
  );
  const button = byId('all-events');
  const none = byId('no-events');
  let all = false;
  button.addEventListener('click', () => {
    all = !all;
    changed();
  });
  return ({ events }) => {
    update((all ? events : events.slice(-FEW)).toReversed());
    button.hidden = events.length <= FEW;
    none.hidden = events.length > 0;
    setText(button, all ? `Show the last ${FEW} only` : `Show all ${counted(events.length, 'event')}`);
  };
}

function entry(record: EventRecord): HTMLElement {
  const { timestamp, level, event, message } = record;
  const facts = factsOf(record).join(' ');
  const advice = adviceOf(record);
  return element(
    'li',
    {},
    element('time', { datetime: timestamp, title: timestamp }, dateTime(Date.parse(timestamp))),
    ' ',
    element('span', { class: `badge ${TONES[level]}` }, level.toLowerCase()),
    ' ',
    element('strong', {}, message),
    ' ',
    element('code', {}, event),
    ...(facts === '' ? [] : [' ', element('span', { class: 'muted facts' }, facts)]),
    ...(advice === null
      ? []
      : [
          element(
            'p',
            { class: 'advice' },
            `${advice.what === null ? '' : `${advice.what}. `}Likely: ${advice.why}. Do: ${advice.act}.`,
          ),
        ]),
  );
}
