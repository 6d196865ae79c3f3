// Access lists of a service (`access`), from the file to the plan, with their contradictions.
import type { Pruned, ServiceDraft, Written } from './draft.ts';
import { networkTable } from './network-table.ts';
import { betterSpelling, networkOf } from './networks.ts';
import type { AccessPlan } from './plan.ts';
import { lineOf, problemAt, quote, type Mark, type Path, type Problem } from './problem.ts';
import { MAX_NETWORKS, type ConfigFile } from './schema.ts';
import type { Setting } from './tune.ts';
import { keyOf } from './yaml.ts';

type AccessLists = NonNullable<ConfigFile['access']>;

/** Limits the problems reported for one list. */
const MAX_TOLD = 20;

export interface NetworkDraft {
  /** As written. */
  readonly text: string;
  readonly path: Path;
  readonly mark: Mark | null;
}

export interface AccessDraft {
  /** Null when not written. */
  readonly setting: Setting<unknown>;
  /** Null: not written. */
  readonly allow: readonly NetworkDraft[] | null;
  readonly deny: readonly NetworkDraft[] | null;
  /** False when part of it is wrong, so that nothing can be said about the whole. */
  readonly sound: boolean;
}

/** Returns the draft of the `access` block that applies, if there is one. */
export function accessDraft(setting: Setting<Pruned<AccessLists>>, { marks, bad }: Written): AccessDraft {
  const { value, path } = setting;
  const listAt = (key: keyof AccessLists): NetworkDraft[] | null => {
    const list = value[key];
    if (list === undefined || path === null) return null;
    return list.flatMap((text, i) => {
      const place = [...path, key, i];
      return typeof text === 'string' ? { text, path: place, mark: marks.get(keyOf(place)) ?? null } : [];
    });
  };
  const within = path === null ? null : keyOf([...path, '']);
  const sound = setting.sound && (within === null || ![...bad].some((place) => place.startsWith(within)));
  return { setting, allow: listAt('allow'), deny: listAt('deny'), sound };
}

export function accessPlan({ allow, deny }: AccessDraft): AccessPlan | null {
  if (allow === null && (deny ?? []).length === 0) return null;
  const spelling = ({ text }: NetworkDraft): string => betterSpelling(text) ?? text;
  return { allow: allow?.map(spelling) ?? null, deny: deny?.map(spelling) ?? [] };
}

export function accessConflicts({ access, path }: ServiceDraft): Problem[] {
  const { allow, deny, sound, setting } = access;
  if (!sound || setting.path === null) return [];
  const total = (allow?.length ?? 0) + (deny?.length ?? 0);
  const place = setting.path ?? [...path, 'access'];
  if (total > MAX_NETWORKS) {
    return [problemAt(setting.mark, place, `expected at most ${MAX_NETWORKS} networks in both lists, got ${total}`)];
  }
  const texts = (list: readonly NetworkDraft[] | null) => list?.map(({ text }) => text) ?? null;
  if (networkTable(texts(allow), texts(deny) ?? []).allowsAny) return [];
  return [problemAt(setting.mark, place, 'lets nobody in', 'allow somebody who is not in deny, or remove "access"')];
}

/** Keyed by canonical spelling. */
function networksIn(list: readonly NetworkDraft[] | null): Map<string, NetworkDraft> {
  return new Map((list ?? []).map((network) => [spelled(network.text), network]));
}

/** `10.0.0.1` is `10.0.0.1/32`. */
function spelled(text: string): string {
  const network = networkOf(text);
  return network === null ? text : `${[...network.bytes].join('.')}/${network.prefix}`;
}

export function accessWarnings({ access }: ServiceDraft): Problem[] {
  const { allow, deny, sound } = access;
  if (!sound) return [];
  const denied = networksIn(deny);
  return [
    ...[...(allow ?? []), ...(deny ?? [])].flatMap(({ text, path, mark }) => {
      const better = betterSpelling(text);
      if (better === null) return [];
      return [problemAt(mark, path, `${quote(text)} means ${better}`, 'write that, or the address alone')];
    }),
    ...(allow ?? []).flatMap(({ text, path, mark }) => {
      const twin = denied.get(spelled(text));
      if (twin === undefined) return [];
      const message = `${quote(text)} is denied, too (${lineOf(twin.mark, mark)}), and that counts`;
      return [problemAt(mark, path, message, 'remove one of them')];
    }),
  ].slice(0, MAX_TOLD);
}
