// Converts a configuration of HAProxy or nginx into one of bal, with notes. The result is valid: it is parsed like `bal check`
// does, and a service it would refuse is left out and noted.
import { parseConfig } from '../../config/load.ts';
import type { Problem } from '../../config/problem.ts';
import { languageOf, type Language } from './detect.ts';
import type { Backend, Draft } from './draft.ts';
import { mapHaproxy } from './haproxy/map.ts';
import { Ledger, type Note } from './ledger.ts';
import { mapNginx } from './nginx/map.ts';
import { isServed, settle } from './settle.ts';
import { writeDraft } from './write.ts';

export interface Source {
  /** As the operator named it. */
  readonly file: string;
  readonly text: string;
  /** Base of relative includes. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export type Imported =
  | {
      readonly kind: 'made';
      readonly language: Language;
      readonly text: string;
      readonly services: number;
      readonly notes: readonly Note[];
    }
  | { readonly kind: 'nothing'; readonly language: Language; readonly notes: readonly Note[] }
  | { readonly kind: 'unknown' };

export async function importConfig(source: Source): Promise<Imported> {
  const language = languageOf(source.text);
  if (language === null) return { kind: 'unknown' };
  const ledger = new Ledger();
  const { text: given, file, folder, environment } = source;
  const draft =
    language === 'haproxy' ? mapHaproxy(given, file, environment, ledger) : await mapNginx(given, file, folder, ledger);
  settle(draft, ledger);
  const text = valid(draft, ledger, file);
  const notes = ledger.notes();
  return text === null
    ? { kind: 'nothing', language, notes }
    : { kind: 'made', language, text, services: draft.services.length, notes };
}

/** Returns null if nothing is left. Terminates because each round removes something. */
function valid(draft: Draft, ledger: Ledger, file: string): string | null {
  while (draft.services.length > 0) {
    const text = writeDraft(draft, ledger.notes(), file);
    const { errors } = parseConfig(text, 'bal.yaml');
    const [first] = errors;
    if (first === undefined) return text;
    if (!leaveOutBackends(draft, errors, ledger) && !leaveOut(draft, first, ledger)) return null;
  }
  return null;
}

/**
 * If the first problem is that of a backend, leaves out all backends that have one, because each parse takes long. Of loops
 * through several services only the backends in the first one: without these there is no loop. A service keeps its last backend.
 * Returns whether any was left out.
 */
function leaveOutBackends(draft: Draft, problems: readonly Problem[], ledger: Ledger): boolean {
  const places = problems.map((problem) => ({ problem, ...placeOf(problem) }));
  const [first] = places;
  if (first === undefined || first.index === null) return false;
  const left = new Set<Backend>();
  // The places are those before anything is left out.
  const before = new Map(draft.services.map((service) => [service, service.backends]));
  for (const { problem, name, index } of places) {
    const service = draft.services.find((it) => it.name === name);
    const backend = index === null || service === undefined ? undefined : before.get(service)?.[index];
    const isElsewhere = name !== first.name && problem.message.includes(' -> ');
    if (service === undefined || backend === undefined || left.has(backend) || isElsewhere) continue;
    if (service.backends.length === 1) continue;
    left.add(backend);
    service.backends = service.backends.filter((it) => it !== backend);
    ledger.lost(service.at, saidBy(problem), problem.hint, `server ${backend.unix ?? backend.host ?? ''}`);
  }
  draft.services = draft.services.filter(
    (service) => service.backends === before.get(service) || isServed(service, ledger),
  );
  return left.size > 0;
}

function leaveOut(draft: Draft, problem: Problem, ledger: Ledger): boolean {
  const { name } = placeOf(problem);
  const service = draft.services.find((it) => it.name === name);
  if (service !== undefined) {
    ledger.lost(service.at, saidBy(problem), problem.hint ?? 'correct it and import again');
    draft.services = draft.services.filter((it) => it !== service);
    return true;
  }
  const [first] = draft.services;
  const key = (['admin', 'dns_servers', 'workers'] as const).find(
    (it) => problem.path.startsWith(it) && draft[it] !== undefined,
  );
  if (key === undefined || first === undefined) return false;
  ledger.lost(first.at, saidBy(problem), problem.hint, key);
  delete draft[key];
  return true;
}

/** The service that has the problem, and the index of its backend. */
function placeOf({ path }: Problem): { readonly name: string | null; readonly index: number | null } {
  const [, name = null, index] = /^services\.([\w-]+)(?:\.backends\[(\d+)\])?/.exec(path) ?? [];
  return { name, index: index === undefined ? null : Number(index) };
}

function saidBy({ path, message }: Problem): string {
  return `bal check would say: ${path}: ${message}`;
}
