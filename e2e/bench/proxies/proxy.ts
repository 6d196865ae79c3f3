// What is compared, seen from outside: how to run it in the foreground with a configuration of its own.
import { spawnSync } from 'node:child_process';

export interface Place {
  /** An empty folder for all that it writes. */
  readonly dir: string;
  readonly port: number;
  /** Ports on 127.0.0.1. */
  readonly backends: readonly number[];
  /** The Node.js program to run with, for those that need one. */
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
  /** Writes the configuration and says how to start. Null: clients connect to the backends themselves. */
  prepare(place: Place): Command | null;
}

/** A proxy, or why it is left out. */
export type Found =
  | { readonly kind: 'found'; readonly proxy: Proxy }
  | { readonly kind: 'absent'; readonly name: string; readonly reason: string };

/** As many threads or workers as every proxy gets. */
export const WORKERS = 2;
/** Connections that every proxy is given room for. */
export const ROOM = 8000;

/** All that a program says about its version, or null where it is not installed. */
export function said(program: string, ...args: readonly string[]): string | null {
  const run = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, PATH: searchPath() } });
  return run.error === undefined && run.status === 0 ? (run.stdout + run.stderr).trim() : null;
}

/** With the folders where Debian keeps servers, which a plain user's PATH lacks. */
export function searchPath(): string {
  return `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
}

/** The environment of a program that is no Node.js. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: searchPath() };
}
