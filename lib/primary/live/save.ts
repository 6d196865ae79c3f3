// Writes what was changed of one backend into the configuration file, keeping comments, order and style. If that is impossible,
// nothing changes, and the refusal says why.
// The edited text is parsed again before it is written: it must mean what was asked for and nothing else.

import type { Stats } from 'node:fs';
import { lstat, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { editBackend, type WrittenBackend } from '../../../config/edit.ts';
import { backendText, planDifference } from '../../../config/diff.ts';
import { loadConfig } from '../../../config/load.ts';
import { writtenOtherwise } from '../../../config/locate.ts';
import type { BackendPlan, Plan } from '../../../config/plan.ts';
import { plainBackend } from '../../../config/plan.ts';
import type { Problem } from '../../../config/problem.ts';
import { decode, MAX_BYTES, readConfig, type ReadResult } from '../../../config/read.ts';
import type { Diagnosis } from '../../control/protocol.ts';
import type { Override } from './overrides.ts';
import { weightOf } from './overrides.ts';
import { cannotSave, cannotSaveVariable, cannotWrite, fileHasChanged } from './refusals.ts';

export interface Saving {
  /** The plan that the file holds after commit(). */
  readonly file: Plan;
  /** The override that remains beside the file: an empty one. */
  readonly saved: Override;
  readonly warnings: readonly string[];
  /** Replaces the file. Returns the reason if that fails; the file is unchanged then. */
  commit(): Promise<Diagnosis | null>;
  abandon(): Promise<void>;
}

export type Prepared =
  { readonly ok: true; readonly saving: Saving } | { readonly ok: false; readonly problem: Diagnosis };

/** A draft becomes the file, or is removed, long before this. */
const DRAFT_MS = 60_000;

/** `running` is the file as it was loaded. The edit goes to the file that holds the service's backends (see `include`). */
export async function prepareSave(running: Plan, override: Override): Promise<Prepared> {
  const { configPath } = running;
  const { service, address } = override;
  const reads = new Map<string, ReadResult>();
  const now = await loadConfig(configPath, async (file) => {
    const result = await readConfig(file);
    reads.set(file, result);
    return result;
  });
  const home = now.homes.get(service) ?? configPath;
  let target: string;
  let before: Buffer;
  let owner: Stats;
  try {
    // Follow symlinks: the link stays, and its target is replaced.
    target = await realpath(home);
    owner = await stat(target);
    if (!owner.isFile() || owner.size > MAX_BYTES) return refused(fileHasChanged(home));
    before = await readFile(target);
  } catch (error) {
    return refused(cannotWrite(home, error));
  }
  const text = before.toString('utf8');
  const isText = Buffer.from(text).equals(before);
  // The file may have changed since it was parsed.
  const here = isText && isAsRead(before, reads.get(home)) ? now.plan : null;
  const backends = backendsOf(running, service);
  if (here === null || !isSame(backendsOf(here, service), backends)) return refused(fileHasChanged(home));

  const wanted = wantedOf(override, backends);
  const place = backends.findIndex((backend) => backend.address === address);
  const otherwise = writtenOtherwise(text, service, address, place);
  if (otherwise !== null) return refused(cannotSaveVariable(home, address, otherwise));
  const edited = editBackend(text, service, address, wanted);
  if (!edited.ok) return refused(cannotSave(home, edited.why));
  const list = listWith(backends, address, wanted);
  const read = await loadConfig(configPath, instead(home, edited.text));
  if (read.plan === null) return refused(cannotSave(home, reasonIn(read.errors)));
  const differences = planDifference(withBackends(here, service, list), read.plan).changed;
  const other = differences.find(({ what }) => list.length === backends.length || !isTuned(what));
  if (other !== undefined) return refused(cannotSave(home, `it would change ${other.what}, too`));

  // If other files changed too, keep the old fingerprint, so that --watch still reports them.
  const isAll = now.fingerprint === running.fingerprint;
  const fingerprint = isAll ? read.fingerprint : running.fingerprint;
  const file = { ...withBackends(running, service, list), fingerprint };
  const saving = {
    file,
    saved: { service, address, drained: null, weight: null, presence: null },
    warnings: warningsOf(override, backends, differences.length > 0),
  };
  if (edited.text === text) {
    return { ok: true, saving: { ...saving, commit: () => Promise.resolve(null), abandon: () => Promise.resolve() } };
  }
  // A dotfile, so that no `include` pattern matches it.
  const prefix = `.${basename(target)}.bal-`;
  const draft = join(dirname(target), `${prefix}${process.pid}`);
  await removeOldDrafts(dirname(target), prefix);
  try {
    await writeDraft(draft, edited.text, owner);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    return refused(cannotWrite(home, error));
  }
  const abandon = (): Promise<void> => rm(draft, { force: true }).catch(() => undefined);
  return {
    ok: true,
    saving: {
      ...saving,
      abandon,
      async commit() {
        try {
          if (!(await readFile(target)).equals(before)) {
            await abandon();
            return fileHasChanged(home);
          }
          await rename(draft, target);
        } catch (error) {
          await abandon();
          return cannotWrite(home, error);
        }
        const folder = await open(dirname(target)).catch(() => null);
        await folder?.sync().catch(() => undefined);
        await folder?.close().catch(() => undefined);
        return null;
      },
    },
  };
}

function isAsRead(bytes: Buffer, read: ReadResult | undefined): boolean {
  const now = decode(bytes);
  return now.ok && read?.ok === true && now.text === read.text;
}

/** Reads files as usual, but returns `text` for the file `path`. */
function instead(path: string, text: string): (file: string) => Promise<ReadResult> {
  return async (file) => (file === path ? decode(Buffer.from(text)) : await readConfig(file));
}

/** Removes what a bal left that died before it had replaced the file. Ignores errors. */
async function removeOldDrafts(folder: string, prefix: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(prefix) || !/^\d+$/.test(name.slice(prefix.length))) continue;
    const path = join(folder, name);
    // Another bal may be saving right now, perhaps in another container, where its PID means nothing here.
    const age = await lstat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > DRAFT_MS) await rm(path, { force: true }).catch(() => undefined);
  }
}

/** Creates the draft with the mode and owner of the file that it will replace. */
async function writeDraft(path: string, text: string, { mode, uid, gid }: Stats): Promise<void> {
  await rm(path, { force: true });
  const file = await open(path, 'wx', 0o600);
  try {
    const own = await file.stat();
    if (own.uid !== uid || own.gid !== gid) await file.chown(uid, gid);
    await file.chmod(mode & 0o7777);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What the file should say about the backend; null removes it. A drained backend gets weight 0: the file has no key for draining. */
function wantedOf(override: Override, backends: readonly BackendPlan[]): WrittenBackend | null {
  const { address, presence, drained } = override;
  const inFile = backends.find((backend) => backend.address === address);
  const its = presence?.kind === 'added' ? plainBackend(presence.host, presence.port) : inFile;
  if (its === undefined || presence?.kind === 'removed') return null;
  return { host: its.host, port: its.port, weight: drained === null ? weightOf(its, override) : 0 };
}

function listWith(backends: readonly BackendPlan[], address: string, wanted: WrittenBackend | null): BackendPlan[] {
  if (wanted === null) return backends.filter((backend) => backend.address !== address);
  const { host, port, weight } = wanted;
  const isThere = backends.some((backend) => backend.address === address);
  if (!isThere) return [...backends, { ...plainBackend(host, port), weight }];
  return backends.map((backend) => (backend.address === address ? { ...backend, weight } : backend));
}

function backendsOf({ services }: Plan, service: string): readonly BackendPlan[] {
  return services.find(({ name }) => name === service)?.backends ?? [];
}

function withBackends(plan: Plan, service: string, backends: readonly BackendPlan[]): Plan {
  return { ...plan, services: plan.services.map((it) => (it.name === service ? { ...it, backends } : it)) };
}

function reasonIn([first]: readonly Problem[]): string {
  if (first === undefined) return 'it would not be valid';
  return first.hint === null ? first.message : `${first.message}; ${first.hint}`;
}

/** Whether the value follows from the number of backends. */
function isTuned(what: string): boolean {
  return what === 'max_concurrent_connections' || what.includes('.runtime.');
}

function warningsOf(
  { address, drained }: Override,
  backends: readonly BackendPlan[],
  isOtherwiseTuned: boolean,
): string[] {
  const weight = backends.find((backend) => backend.address === address)?.weight ?? 1;
  const weightless = `the file says weight 0 now: 'bal backend weight ${address} ${weight} --save' takes it back`;
  const tuned = "with another number of backends other defaults hold: 'bal graceful' applies them";
  return [...(drained === null ? [] : [weightless]), ...(isOtherwiseTuned ? [tuned] : [])];
}

function isSame(a: readonly BackendPlan[], b: readonly BackendPlan[]): boolean {
  return a.map(backendText).join() === b.map(backendText).join();
}

function refused(problem: Diagnosis): Prepared {
  return { ok: false, problem };
}
