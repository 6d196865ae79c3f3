// The proxies under comparison: how to run each in the foreground with its own configuration.
import { spawnSync } from 'node:child_process';

export interface Place {
  /** An empty folder for everything that it writes. */
  readonly dir: string;
  readonly port: number;
  /** Ports on 127.0.0.1. */
  readonly backends: readonly number[];
  /** The Node.js binary, for proxies that need one. */
  readonly node: string;
}

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export interface Proxy {
  readonly name: string;
  readonly version: string;
  /** Writes the configuration and returns the command to start it. Null: clients connect directly to the backends. */
  prepare(place: Place): Command | null;
}

/** A proxy, or why it is omitted. */
export type Found =
  | { readonly kind: 'found'; readonly proxy: Proxy }
  | { readonly kind: 'absent'; readonly name: string; readonly reason: string };

/** Threads or workers of every proxy. */
export const WORKERS = 2;
/** Connections that every proxy is configured for. */
export const ROOM = 8000;

/** Returns a program's version output; null: not installed. */
export function said(program: string, ...args: readonly string[]): string | null {
  const run = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, PATH: searchPath() } });
  return run.error === undefined && run.status === 0 ? (run.stdout + run.stderr).trim() : null;
}

/** Returns PATH plus the folders where Debian installs servers, which a plain user's PATH lacks. */
export function searchPath(): string {
  return `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
}

/** The environment of programs other than Node.js. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: searchPath() };
}
