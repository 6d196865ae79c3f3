// The texts of refused backend changes: what happened, why, and what to do now.

import type { WrittenAddress } from '../../../config/locate.ts';
import { quote } from '../../../config/problem.ts';
import { closest } from '../../../config/suggest.ts';
import { MAX_WEIGHT } from '../../../config/backend-schema.ts';
import { MAX_BACKENDS } from '../../../config/schema.ts';
import type { Diagnosis } from '../../control/protocol.ts';
import { listed } from '../../units.ts';
import type { Phase } from '../phase.ts';

export function notNow(phase: Phase): Diagnosis {
  return {
    what_happened: `bal is not in a state to change backends: it is ${phase}`,
    why_likely: 'it is being started or stopped',
    do_this_now: "run 'bal status' and try again when it is running",
  };
}

export function unknownService(service: string, known: readonly string[]): Diagnosis {
  return {
    what_happened: `there is no service ${service}`,
    why_likely: 'its name is misspelt, or the running configuration is an older one',
    do_this_now: nearest(service, known) ?? `name one of: ${listed(known)}`,
  };
}

export function unknownBackend(address: string, service: string | null, known: readonly string[]): Diagnosis {
  const who = service === null ? `no service has a backend ${address}` : `service ${service} has no backend ${address}`;
  return {
    what_happened: who,
    why_likely: 'it is misspelt, or the running configuration is an older one',
    do_this_now: nearest(address, known) ?? `name one of: ${listed(known)}`,
  };
}

export function ambiguous(address: string, services: readonly string[]): Diagnosis {
  return {
    what_happened: `${address} is a backend of ${services.length} services: ${listed(services)}`,
    why_likely: 'they share it, and each has a state of its own for it',
    do_this_now: `say which one with --service, such as --service ${services[0] ?? ''}`,
  };
}

export function whichService(address: string, services: readonly string[]): Diagnosis {
  return {
    what_happened: `${address} is not added: there are ${services.length} services`,
    why_likely: 'no service was given',
    do_this_now: `name one with --service: ${listed(services)}`,
  };
}

export function hasLeft(address: string): Diagnosis {
  return {
    what_happened: `${address} has left the configuration, and only its last connections go on`,
    why_likely: "it was taken out of the file, or by 'bal backend remove', or its name leads there no longer",
    do_this_now: `run 'bal backend add ${address}' to have it back, or 'bal backend reset ${address}' to end what is left`,
  };
}

export function badAddress(address: string, complaint: string): Diagnosis {
  return {
    what_happened: `${address} is no address of a backend: ${complaint}`,
    why_likely: 'a typing mistake',
    do_this_now: 'write host:port, such as 10.0.0.7:5432 or [2001:db8::7]:5432',
  };
}

export function alreadyThere(address: string, service: string): Diagnosis {
  return {
    what_happened: `service ${service} has ${address} already`,
    why_likely: 'it is in the file, or was added before',
    do_this_now: "see 'bal backend list'; 'bal backend ready' takes it back into use when it is drained",
  };
}

export function leadsBack(address: string, services: readonly string[]): Diagnosis {
  const [first] = services;
  return {
    what_happened:
      services.length <= 2 && first === services[1]
        ? `a loop: ${address} is where bal itself listens`
        : `a loop: ${services.join(' -> ')} (${address})`,
    why_likely: 'it is an address of this bal, so a connection would go round until the limit is reached',
    do_this_now: 'name the server that is meant; a chain of services must end outside',
  };
}

export function tooMany(): Diagnosis {
  return {
    what_happened: `there are ${MAX_BACKENDS} backends, which is the maximum`,
    why_likely: 'backends were added and never removed, or the list is made by a program',
    do_this_now: "run 'bal backend remove' for one that is not needed",
  };
}

export function badWeight(weight: number): Diagnosis {
  return {
    what_happened: `a weight of ${weight} is not possible`,
    why_likely: `weights are whole numbers from 0 to ${MAX_WEIGHT}`,
    do_this_now: `choose one from 0 (no new connections) to ${MAX_WEIGHT}`,
  };
}

export function cannotSave(file: string, why: string): Diagnosis {
  return {
    what_happened: `the change cannot be saved: ${why}`,
    why_likely: `bal cannot edit ${file} safely`,
    do_this_now: "nothing has changed: edit the file and run 'bal graceful', or leave --save out",
  };
}

/** The file has the address, but not literally. */
export function cannotSaveVariable(file: string, address: string, { line, address: as }: WrittenAddress): Diagnosis {
  return {
    what_happened: `the change cannot be saved: ${file}:${line} writes ${address} as ${quote(as)}`,
    why_likely: 'the address holds a variable, and --save changes only backends whose address is written out',
    do_this_now: "nothing has changed: edit that line and run 'bal graceful', or leave --save out",
  };
}

/** `name` is the name that resolves to the address; null if none does at the moment. */
export function cannotSaveDiscovered(address: string, name: string | null): Diagnosis {
  return {
    what_happened: `the change cannot be saved: ${address} is not in the file${name === null ? '' : `, ${name} leads to it`}`,
    why_likely: 'the backend was found by a name (discover), and comes and goes with it',
    do_this_now: 'leave --save out, or change what the name server says; nothing has changed',
  };
}

export function fileHasChanged(file: string): Diagnosis {
  return {
    what_happened: `the change cannot be saved: the backends in ${file} are not those that bal has loaded`,
    why_likely: 'the file was edited after the last start or reload, or is not valid at the moment',
    do_this_now: "run 'bal check', then 'bal graceful', then the same again; nothing has changed",
  };
}

export function cannotWrite(file: string, error: unknown): Diagnosis {
  return {
    what_happened: `the change cannot be saved: ${error instanceof Error ? error.message : String(error)}`,
    why_likely: `the user that bal runs as may not replace ${file} or write beside it, or the disk is full`,
    do_this_now:
      "nothing has changed: give it the right to, edit the file by hand and run 'bal graceful', or leave --save out",
  };
}

export function cannotKeep(file: string, error: unknown): Diagnosis {
  return {
    what_happened: `the change cannot be kept: ${error instanceof Error ? error.message : String(error)}`,
    why_likely: `${file} cannot be written: the disk is full, or the home is not this user's`,
    do_this_now: 'correct that and try again; nothing has changed',
  };
}

function nearest(word: string, known: readonly string[]): string | null {
  const meant = closest(word, known);
  return meant === null ? null : `did you mean ${meant}?`;
}
