// `bal upgrade` on the control socket: what may be asked, and what came of it.

import { isAbsolute } from 'node:path';

import type { DrainingStatus, Diagnosis } from './protocol.ts';

export interface UpgradeRequest {
  /** The program that takes over: the path of its `bal.js`, absolute. */
  readonly program: string;
  /** The Node.js that runs it, absolute. */
  readonly node: string;
}

export interface UpgradeVerdict {
  readonly ok: boolean;
  /** Versions; `to` is null where the new program did not say. */
  readonly from: string;
  readonly to: string | null;
  /** The process that serves now. */
  readonly pid: number;
  /** Its generation. */
  readonly generation: number;
  /** Connections that were open when it took over, and are not in old workers any more: they go on in its own, or have ended. */
  readonly connections: number;
  /** What goes on in old workers; null where nothing does. */
  readonly draining: DrainingStatus | null;
  readonly duration_ms: number;
  /** Why not; null when ok. */
  readonly problem: Diagnosis | null;
  /** Configuration problems as `check --json` has them; empty when ok. */
  readonly errors: readonly unknown[];
}

const MAX_PATH = 4096;

/** What the client asks for; null when it is no UpgradeRequest. */
export function upgradeRequest(body: unknown): UpgradeRequest | null {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return null;
  if (!Object.keys(body).every((key) => key === 'program' || key === 'node')) return null;
  const program: unknown = 'program' in body ? body.program : null;
  const node: unknown = 'node' in body ? body.node : null;
  return isPath(program) && isPath(node) ? { program, node } : null;
}

function isPath(value: unknown): value is string {
  return typeof value === 'string' && isAbsolute(value) && value.length <= MAX_PATH && !value.includes('\0');
}
