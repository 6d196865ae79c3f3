// Converts a configuration of HAProxy or nginx into one of bal, with notes. The result is valid: it is parsed like `bal check`
// does, and a service it would refuse is left out and noted.
import { parseConfig } from '../../config/load.ts';
import type { Problem } from '../../config/problem.ts';
import { languageOf, type Language } from './detect.ts';
import type { Draft } from './draft.ts';
import { mapHaproxy } from './haproxy/map.ts';
import { Ledger, type Note } from './ledger.ts';
import { mapNginx } from './nginx/map.ts';
import { settle } from './settle.ts';
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
    const [first] = parseConfig(text, 'bal.yaml').errors;
    if (first === undefined) return text;
    if (!leaveOut(draft, first, ledger)) return null;
  }
  return null;
}

function leaveOut(draft: Draft, { path, message, hint }: Problem, ledger: Ledger): boolean {
  const [, name] = /^services\.([\w-]+)/.exec(path) ?? [];
  const service = draft.services.find((it) => it.name === name);
  const why = `bal check would say: ${path}: ${message}`;
  const [, index] = /^services\.[\w-]+\.backends\[(\d+)\]/.exec(path) ?? [];
  if (service !== undefined && index !== undefined && service.backends.length > 1) {
    const [left] = service.backends.splice(Number(index), 1);
    ledger.lost(service.at, why, hint, `server ${left?.unix ?? left?.host ?? ''}`);
    const isServed = service.backends.some(({ weight, backup }) => weight !== 0 && backup !== true);
    if (!isServed) draft.services = draft.services.filter((it) => it !== service);
    return left !== undefined;
  }
  if (service !== undefined) {
    ledger.lost(service.at, why, hint ?? 'correct it and import again');
    draft.services = draft.services.filter((it) => it !== service);
    return true;
  }
  const [first] = draft.services;
  const key = (['admin', 'dns_servers', 'workers'] as const).find(
    (it) => path.startsWith(it) && draft[it] !== undefined,
  );
  if (key === undefined || first === undefined) return false;
  ledger.lost(first.at, why, hint, key);
  delete draft[key];
  return true;
}
