// Describes what is wrong with a service, in sentences. Pure, and fit for a browser.

import { discoveryIn, discoveryText } from '../control/discovery.ts';
import type { ServiceStatus } from '../control/protocol.ts';
import { failuresText } from '../control/recent.ts';
import { counted } from '../units.ts';
import { dateTime } from './clock.ts';
import { isMeantToServe, serviceState, type Shown } from './state.ts';

/** Worst first. */
export function notesOf(service: ServiceStatus): Shown[] {
  return [...backendNotes(service), ...protectionNote(service), ...clientNotes(service), ...nameNotes(service)];
}

function backendNotes(service: ServiceStatus): Shown[] {
  if (serviceState(service) !== 'failing') return [];
  const text = service.backends.some(isMeantToServe)
    ? `${service.backends.some(({ reachable }) => reachable === true) ? 'No backend that takes clients' : 'No backend'} is up: bal still tries all of them in turn for each client`
    : 'No backend takes clients, so they are refused: there is none, or all are drained or without weight';
  return [{ text, tone: 'bad' }];
}

function protectionNote({ protection_mode: { enabled, reason, since, exit_condition } }: ServiceStatus): Shown[] {
  if (enabled !== true) return [];
  const began = since === null ? '' : ` since ${dateTime(Date.parse(since))}`;
  const text = `Protection mode is on${began}: ${reason ?? 'unknown'}; ends ${exit_condition ?? 'by itself'}`;
  return [{ text, tone: 'odd' }];
}

function clientNotes({ recent, waiting }: ServiceStatus): Shown[] {
  const since = recent === null || recent.since === null ? null : dateTime(Date.parse(recent.since));
  const text = recent?.failing === true ? failuresText({ ...recent, since }, 'clients') : null;
  const wait = waiting ?? 0;
  return [
    ...(text === null ? [] : [{ text, tone: 'odd' as const }]),
    ...(wait === 0
      ? []
      : [{ text: `${counted(wait, 'client')} waiting for a connection to end`, tone: 'odd' as const }]),
  ];
}

/** Reports failing look-ups only. */
function nameNotes(service: ServiceStatus): Shown[] {
  return discoveryIn(service).flatMap((it) =>
    it.failure === null && it.left_out === 0 ? [] : [{ text: discoveryText(it), tone: 'odd' as const }],
  );
}
