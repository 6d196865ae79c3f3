// The system's resolver with a timeout. If no name server answers, getaddrinfo blocks its thread for ten seconds or more, and Node
// does not exit before its threads end. So a child process does the lookup, and is killed when time is up.

import { spawn, type ChildProcess } from 'node:child_process';

import { asError } from './as-error.ts';

/** The addresses in the resolver's order, unique and at least one; or an error code. */
export type Found = { readonly ips: readonly string[] } | { readonly code: string };

/** Prints one line per name. Ends with its parent, when stdin closes. */
const SCRIPT = `
const { lookup: system, promises } = require('node:dns');
const servers = process.argv[1] === '' ? null : new promises.Resolver({ timeout: 1500, tries: 2 });
servers?.setServers(process.argv[1].split(' '));
async function asked(name, done) {
  const both = await Promise.allSettled([servers.resolve4(name), servers.resolve6(name)]);
  const all = both.flatMap(({ value = [] }) => value.map((address) => ({ address })));
  done(all.length > 0 ? null : both[0].reason, all);
}
const isLocal = (name) => /^(.+\\.)?localhost\\.?$/i.test(name);
const lookup = (name, options, done) => (servers !== null && !isLocal(name) ? asked(name, done) : system(name, options, done));
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL')).resume();
let left = process.argv.length - 2;
for (const name of process.argv.slice(2)) {
  lookup(name, { all: true }, (error, all) => {
    const ips = error ? [] : [...new Set(all.map(({ address }) => address))];
    const found = ips.length > 0 ? { ips } : { code: error ? error.code : 'ENODATA' };
    process.stdout.write(JSON.stringify([name, found]) + '\\n');
    if (--left === 0) process.stdin.destroy();
  });
}`;

/** Timeout of a lookup. One lost packet costs 5 s (resolv.conf's default), which is no outage yet. */
export const LOOKUP_MS = 8000;

/** One thread per name, so that slow names do not delay others. */
const MAX_THREADS = 64;

/** Looks up each name, with `servers` or the system's resolver. Names without an answer within `ms` get `ETIMEDOUT`. */
export function lookUpAside(
  names: readonly string[],
  ms = LOOKUP_MS,
  servers: readonly string[] = [],
): Promise<ReadonlyMap<string, Found>> {
  const wanted = [...new Set(names)];
  const found = new Map<string, Found>();
  if (wanted.length === 0) return Promise.resolve(found);
  return new Promise((resolve) => {
    let text = '';
    const child = start(servers, wanted);
    const end = (code: string): void => {
      clearTimeout(timer);
      if (!(child instanceof Error)) child.kill('SIGKILL');
      for (const name of wanted) if (!found.has(name)) found.set(name, { code });
      resolve(found);
    };
    const timer = setTimeout(end, ms, 'ETIMEDOUT');
    if (child instanceof Error) return end(codeOf(child));
    child.once('error', (error) => end(codeOf(error)));
    child.once('close', () => end('EUNKNOWN'));
    // At the descriptor limit it has no streams.
    child.stdin?.on('error', () => undefined);
    child.stdout?.setEncoding('utf8').on('data', (more: string) => {
      const lines = (text + more).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const [name, answer]: [string, Found] = JSON.parse(line);
        found.set(name, answer);
      }
      if (found.size === wanted.length) end('');
    });
  });
}

/** Some errors (EMFILE, EAGAIN) arrive later as an event, others (ENOMEM, E2BIG) are thrown. None may end the primary. */
function start(servers: readonly string[], names: readonly string[]): ChildProcess | Error {
  try {
    return spawn(process.execPath, ['-e', SCRIPT, '--', servers.join(' '), ...names], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, UV_THREADPOOL_SIZE: String(Math.min(names.length, MAX_THREADS)) },
    });
  } catch (error) {
    return asError(error);
  }
}

function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? 'EUNKNOWN';
}
