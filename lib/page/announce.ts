// What a screen reader announces: changes of state only, in short sentences. Pure.

import type { BackendStateName, Readiness, Status } from '../control/protocol.ts';
import { backendKey } from '../control/rates.ts';
import { serviceShown } from '../view/state.ts';
import type { Model } from './model.ts';

/** Sentences about what differs; empty for the first model with any content. */
export function announcements(before: Model, now: Model): string[] {
  return [
    ...linkChanges(before, now),
    ...(before.history === null || now.history === null
      ? []
      : [
          ...backendChanges(before.history.status, now.history.status),
          ...serviceChanges(before.history.status, now.history.status),
          ...protectionChanges(before.history.status, now.history.status),
        ]),
    ...readinessChanges(before.readiness, now.readiness),
  ];
}

function linkChanges({ link: before }: Model, { link: now }: Model): string[] {
  if (before.kind === now.kind) return [];
  if (now.kind === 'lost') return ['The connection to bal is lost.'];
  return before.kind === 'lost' ? ['Connected to bal again.'] : [];
}

function backendChanges(before: Status, now: Status): string[] {
  const known = statesOf(before);
  return [...statesOf(now)].flatMap(([key, { name, state }]) => {
    const old = known.get(key);
    return old === undefined || old.state === state ? [] : [`${name} is ${state ?? 'unknown'}.`];
  });
}

/** The state of a service in one word. Each backend has its own sentence. */
function serviceChanges(before: Status, now: Status): string[] {
  const was = new Map(before.services.map((service) => [service.name, serviceShown(service, before.state).text]));
  return now.services.flatMap((service) => {
    const [old, { text }] = [was.get(service.name), serviceShown(service, now.state)];
    return old === undefined || old === text ? [] : [`Service ${service.name} is ${text}.`];
  });
}

function protectionChanges(before: Status, now: Status): string[] {
  const was = new Map(before.services.map(({ name, protection_mode }) => [name, protection_mode.enabled]));
  return now.services.flatMap(({ name, protection_mode: { enabled } }) => {
    const old = was.get(name);
    return old === undefined || old === enabled ? [] : [`Protection mode of ${name} is ${enabled ? 'on' : 'off'}.`];
  });
}

function readinessChanges(before: Readiness | null, now: Readiness | null): string[] {
  if (before === null || now === null || before.ready === now.ready) return [];
  return [now.ready ? 'bal is ready.' : `bal is not ready: ${now.reasons.join('; ')}.`];
}

interface Named {
  readonly name: string;
  readonly state: BackendStateName | null;
}

function statesOf({ services }: Status): Map<string, Named> {
  const of = services.length > 1 ? (name: string) => ` of ${name}` : () => '';
  return new Map(
    services.flatMap((service) =>
      service.backends.map(({ address, state }) => [
        backendKey(service.name, address),
        { name: `Backend ${address}${of(service.name)}`, state },
      ]),
    ),
  );
}
