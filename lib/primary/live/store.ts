// Persists the overrides in bal's home directory: one file, replaced as a whole. The whole file is validated before any of it is
// used. An invalid file is renamed aside, and bal starts from the configuration alone.

import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { judgePeer } from '../../../config/host.ts';
import { addressOf } from '../../../config/plan.ts';
import { MAX_WEIGHT } from '../../../config/backend-schema.ts';
import { isPath, judgeUnix } from '../../../config/unix.ts';
import type { Log } from '../log/log.ts';
import type { Override, Overrides, Presence } from './overrides.ts';

export interface Stored {
  readonly overrides: Overrides;
  /** Why the file is not used; null if it is, or if there is none. */
  readonly fault: string | null;
}

export interface Store {
  readonly path: string;
  /** Replaces the stored overrides. If that fails, it rejects and the old file stays. */
  write(overrides: Overrides): Promise<void>;
}

/** The overrides as read, and the store for later changes. */
export interface Kept {
  readonly store: Store;
  readonly overrides: Overrides;
}

/** Reads the stored overrides. If the file is invalid, it logs a warning and returns none. Never rejects. */
export async function openStore(path: string, configPath: string, log: Log): Promise<Kept> {
  const { overrides, fault } = await readStore(path, configPath);
  if (fault !== null)
    log.warn('backends.set_aside', `what was changed of the backends is not used: ${fault}`, { file: path });
  return { store: createStore(path, configPath), overrides };
}

const VERSION = 1;
/** Twice what MAX_OVERRIDES can need. */
const MAX_BYTES = 4 * 1024 * 1024;

/** `configPath` is the configuration that the overrides belong to. */
export function createStore(path: string, configPath: string): Store {
  return {
    path,
    async write(overrides) {
      if (overrides.length === 0) return rm(path, { force: true });
      const text = `${JSON.stringify({ version: VERSION, config: configPath, overrides: overrides.map(toFile) }, null, 1)}\n`;
      const draft = `${path}.new`;
      await rm(draft, { force: true });
      const file = await open(draft, 'wx', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
      await syncFolder(dirname(path));
    },
  };
}

/** Never rejects. Renames a file that cannot be used, so that it can be inspected. */
export async function readStore(path: string, configPath: string): Promise<Stored> {
  const read = await readText(path);
  if (read === null) return { overrides: [], fault: null };
  const found = 'text' in read ? parseStore(read.text, configPath) : read;
  if (!('fault' in found)) return { overrides: found.overrides, fault: null };
  const aside = `${path}.aside`;
  const moved = await rename(path, aside).then(
    () => `it is ${aside} now`,
    () => 'it cannot be moved away either',
  );
  return { overrides: [], fault: `${found.fault}; ${moved}` };
}

/** Parses and validates the text. Pure. */
export function parseStore(
  text: string,
  configPath: string,
): { readonly overrides: Overrides } | { readonly fault: string } {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { fault: 'it is not JSON' };
  }
  if (!isRecord(document)) return { fault: 'it is no list of changes' };
  const { version, config, overrides } = document;
  if (version !== VERSION) return { fault: `it is of version ${JSON.stringify(version) ?? 'none'}, not ${VERSION}` };
  if (config !== configPath) return { fault: `it belongs to the configuration ${String(config)}` };
  // However many there are: settle() drops those that are too many.
  if (!Array.isArray(overrides)) return { fault: 'it is no list of changes' };
  const read: Override[] = [];
  const seen = new Set<string>();
  for (const [place, item] of overrides.entries()) {
    const override = overrideIn(item);
    const key = `${override?.service}\n${override?.address}`;
    if (override === null || seen.has(key)) return { fault: `change ${place + 1} in it is none, or there twice` };
    seen.add(key);
    read.push(override);
  }
  return { overrides: read };
}

function overrideIn(item: unknown): Override | null {
  if (!isRecord(item)) return null;
  const { service, address } = item;
  const [drained, weight, presence] = [
    drainIn(item['drained']),
    weightIn(item['weight']),
    presenceIn(item['presence']),
  ];
  if (typeof service !== 'string' || typeof address !== 'string') return null;
  if (drained === undefined || weight === undefined || presence === undefined) return null;
  if (presence?.kind === 'added' && addressOf(presence.host, presence.port) !== address) return null;
  return { service, address, drained, weight, presence };
}

/** Here and below, undefined means invalid. */
function drainIn(value: unknown): Override['drained'] | undefined {
  if (value === null) return null;
  if (!isRecord(value)) return undefined;
  const since = timeIn(value['since']);
  const cutAt = value['until'] === null ? null : timeIn(value['until']);
  return since === undefined || cutAt === undefined ? undefined : { since, cutAt };
}

function weightIn(value: unknown): Override['weight'] | undefined {
  if (value === null) return null;
  if (!isRecord(value)) return undefined;
  const [weight, since] = [value['weight'], timeIn(value['since'])];
  const isWeight = typeof weight === 'number' && Number.isInteger(weight) && weight >= 0 && weight <= MAX_WEIGHT;
  return isWeight && since !== undefined ? { value: weight, since } : undefined;
}

function presenceIn(value: unknown): Presence | null | undefined {
  if (value === null) return null;
  if (!isRecord(value)) return undefined;
  const { kind, host, port } = value;
  const since = timeIn(value['since']);
  if (since === undefined) return undefined;
  if (kind === 'removed') return { kind, since };
  if (kind !== 'added' || typeof host !== 'string' || typeof port !== 'number') return undefined;
  const isPort = Number.isInteger(port) && port >= 1 && port <= 65_535;
  const isSound = isPath(host) ? port === 0 && judgeUnix(host) === null : isPort && judgePeer(host) === null;
  if (!isSound) return undefined;
  return { kind, host, port, since };
}

function timeIn(value: unknown): number | undefined {
  const wall = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isFinite(wall) ? wall : undefined;
}

function toFile({ service, address, drained, weight, presence }: Override): unknown {
  return {
    service,
    address,
    drained:
      drained === null ? null : { since: at(drained.since), until: drained.cutAt === null ? null : at(drained.cutAt) },
    weight: weight === null ? null : { weight: weight.value, since: at(weight.since) },
    presence: presence === null ? null : { ...presence, since: at(presence.since) },
  };
}

function at(wall: number): string {
  return new Date(wall).toISOString();
}

/** Returns null if there is no file. */
async function readText(path: string): Promise<{ readonly text: string } | { readonly fault: string } | null> {
  try {
    // O_NOFOLLOW refuses a symlink; O_NONBLOCK keeps open() from blocking on a FIFO.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) return { fault: 'it is no file' };
      if (stat.size > MAX_BYTES) return { fault: 'it is too large' };
      const buffer = Buffer.alloc(MAX_BYTES);
      const { bytesRead } = await file.read(buffer, 0, MAX_BYTES, 0);
      return { text: buffer.toString('utf8', 0, bytesRead) };
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return code === 'ENOENT' ? null : { fault: `it cannot be read: ${code}` };
  }
}

/** Ignores errors: some file systems cannot sync a directory, and the file itself is synced. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY).catch(() => null);
  await folder?.sync().catch(() => undefined);
  await folder?.close().catch(() => undefined);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
