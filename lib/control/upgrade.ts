// `bal upgrade` on the control socket: the request and the verdict.

import { isAbsolute } from 'node:path';

import type { DrainingStatus, Diagnosis } from './protocol.ts';

export interface UpgradeRequest {
  /** The program that takes over: the absolute path of its `bal.js`. */
  readonly program: string;
  /** The absolute path of the Node.js that runs it. */
  readonly node: string;
}

export interface UpgradeVerdict {
  readonly ok: boolean;
  /** Versions; `to` is null if the new program did not report it. */
  readonly from: string;
  readonly to: string | null;
  /** The process that serves now. */
  readonly pid: number;
  /** Its generation. */
  readonly generation: number;
  /** Connections open at the takeover that are no longer in old workers: they moved to the successor's workers, or have ended. */
  readonly connections: number;
  /** Connections in old workers; null if there are none. */
  readonly draining: DrainingStatus | null;
  readonly duration_ms: number;
  /** Why not; null when ok. */
  readonly problem: Diagnosis | null;
  /** Configuration problems as in `check --json`; empty when ok. */
  readonly errors: readonly unknown[];
}

const MAX_PATH = 4096;

/** Validates an UpgradeRequest; null if it is none. */
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
