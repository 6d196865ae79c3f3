// The names by which backends are discovered, in status, why and metrics.

import type { DiscoveryStatus } from '../../control/discovery.ts';
import type { Diagnosis } from '../../control/protocol.ts';
import { duration } from '../../units.ts';
import type { Observed } from './observed.ts';
import type { Family } from './prometheus.ts';
import { gauge } from './prometheus.ts';

/** The names of a service. Uses the file's plan, which still has them. */
export function discoveryOf({ discovery, filePlan }: Observed, service: string): DiscoveryStatus[] {
  return filePlan.services.flatMap((it) => (it.name === service ? discovery.statusOf(it) : []));
}

export function namesTrouble(names: readonly DiscoveryStatus[]): Diagnosis | null {
  const failing = names.find(({ failure }) => failure !== null);
  if (failing !== undefined) {
    const { name, discover, failure, age_ms } = failing;
    const since = age_ms === null ? 'it leads to no backend' : `its answer of ${duration(age_ms)} ago is used on`;
    const type = discover === 'srv' ? 'SRV' : 'A';
    return {
      what_happened: `${name} cannot be looked up (${failure ?? ''}): ${since}`,
      why_likely: 'the name server does not answer or fails, or the name was removed',
      do_this_now: `try: dig ${name} ${type}; correct the name, or dns_servers`,
    };
  }
  const lossy = names.find(({ left_out }) => left_out > 0);
  if (lossy === undefined) return null;
  return {
    what_happened: `${lossy.left_out} of the addresses of ${lossy.name} are not used: ${lossy.left_out_why ?? ''}`,
    why_likely: 'the name server returns more addresses than bal can use, or some that cannot be backends',
    do_this_now: 'correct the records of the name server',
  };
}

export function nameFamilies(instance: Observed): Family[] {
  const names = instance.filePlan.services.flatMap((service) =>
    discoveryOf(instance, service.name).map((it) => ({
      labels: { listener: service.name, name: it.name, discover: it.discover },
      it,
    })),
  );
  return [
    gauge(
      'bal_discovery_backends',
      'Backends that a name leads to by its last good answer, without those that are not used.',
      names.map(({ labels, it }) => ({ labels, value: it.endpoints - it.left_out })),
    ),
    gauge(
      'bal_discovery_failing',
      '1 while the name cannot be looked up, and what is known of it is used on.',
      names.map(({ labels, it }) => ({ labels, value: it.failure === null ? 0 : 1 })),
    ),
    gauge(
      'bal_discovery_answer_age_seconds',
      'How old the last good answer is.',
      names.flatMap(({ labels, it }) => (it.age_ms === null ? [] : [{ labels, value: it.age_ms / 1000 }])),
    ),
  ];
}
