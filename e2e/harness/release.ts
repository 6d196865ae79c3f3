// Releases for installation tests, and places to install them.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { ROOT } from '../../lib/testing/root.ts';

/** A release site: latest/download/ and download/vX/, each with a tarball and SHA256SUMS. */
export interface Site {
  readonly folder: string;
  /** Value for BAL_RELEASE_URL. */
  readonly url: string;
  /** The project's version, released by bin/dev/release.mjs from the current build. */
  readonly first: string;
  /** The tarball of a version. */
  tarball(version?: string): string;
  /** Publishes the same program as another version, and makes it the latest. */
  publish(version: string): void;
}

const suffix = `${process.platform}-${process.arch}.tar.gz`;

/** Creates a folder with a space in its name; it is removed with its owner. */
export function newFolder(owner: Owner, what: string): string {
  const folder = mkdtempSync(join(tmpdir(), `bal ${what} `));
  atEnd(owner, () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes the first release. Slow (it packs all of dist/), so call it once per test file. */
export function newSite(folder: string): Site {
  const latest = join(folder, 'latest', 'download');
  const made = execFileSync(process.execPath, [join(ROOT, 'bin', 'dev', 'release.mjs'), latest], {
    encoding: 'utf8',
  }).trim();
  const first = basename(made).slice('bal-'.length, -suffix.length - 1);
  const versioned = (version: string): string => join(folder, 'download', `v${version}`);
  cpSync(latest, versioned(first), { recursive: true });
  return {
    folder,
    url: pathToFileURL(folder).href,
    first,
    tarball: (version = first) => join(versioned(version), `bal-${version}-${suffix}`),
    publish(version) {
      if (!existsSync(versioned(version))) {
        const unpacked = unpack(made.replace(latest, versioned(first)), join(folder, `unpacked-${version}`));
        renameVersion(unpacked, first, version);
        mkdirSync(versioned(version));
        pack(unpacked, join(versioned(version), `bal-${version}-${suffix}`));
      }
      rmSync(latest, { recursive: true });
      cpSync(versioned(version), latest, { recursive: true });
    },
  };
}

/** Unpacks a release into a new folder and returns the folder of bal in it. */
export function unpack(tarball: string, into: string): string {
  mkdirSync(into, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', into]);
  const [top = ''] = readdirSync(into);
  return join(into, top);
}

function renameVersion(folder: string, from: string, to: string): void {
  const programs = readdirSync(join(folder, 'dist')).filter((name) => name.endsWith('.js'));
  for (const file of ['package.json', ...programs.map((name) => join('dist', name))]) {
    const text = readFileSync(join(folder, file), 'utf8');
    writeFileSync(join(folder, file), text.replaceAll(JSON.stringify(from), JSON.stringify(to)));
  }
}

function pack(folder: string, tarball: string): void {
  const name = basename(tarball).slice(0, -suffix.length - 1);
  execFileSync('tar', ['-czf', tarball, '-C', join(folder, '..'), `--transform=s,^[^/]*,${name},`, basename(folder)]);
  writeFileSync(join(tarball, '..', 'SHA256SUMS'), `${sumOf(tarball)}  ${basename(tarball)}\n`);
}

export function sumOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A prefix and a home for one test. */
export interface Place {
  readonly prefix: string;
  readonly home: string;
  readonly link: string;
  readonly lib: string;
  /** Runs install.sh with --prefix; the environment is PATH, HOME and `env`. */
  install(args: readonly string[], env?: Readonly<Record<string, string>>, script?: string): Promise<Outcome>;
  /** Runs the installed bal. */
  bal(...args: string[]): Promise<Outcome>;
  /** Every path below the prefix with its link target, inode and mtime: equal snapshots mean that nothing has changed. */
  snapshot(): string[];
}

export function newPlace(t: TestContext): Place {
  const folder = newFolder(t, 'install');
  const prefix = join(folder, 'a prefix');
  const home = join(folder, 'a home');
  mkdirSync(home);
  const link = join(prefix, 'bin', 'bal');
  const basis = { PATH: process.env['PATH'] ?? '', HOME: home };
  return {
    prefix,
    home,
    link,
    lib: join(prefix, 'lib', 'bal'),
    install: (args, env = {}, script = join(ROOT, 'install.sh')) =>
      run('sh', [script, '--prefix', prefix, ...args], { ...basis, ...env }),
    bal: (...args) => run(link, args, basis),
    snapshot: () =>
      (existsSync(prefix) ? readdirSync(prefix, { recursive: true, encoding: 'utf8' }) : []).sort().map((name) => {
        const stat = lstatSync(join(prefix, name));
        const to = stat.isSymbolicLink() ? ` -> ${readlinkSync(join(prefix, name))}` : '';
        return `${name}${to} ${stat.ino} ${stat.isDirectory() ? '' : stat.mtimeMs}`;
      }),
  };
}

/** Runs a program. `as`: the user to run it as. */
export function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input = '',
  as: { readonly uid?: number; readonly gid?: number } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, cwd: tmpdir(), timeout: 60_000, killSignal: 'SIGKILL', ...as });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    // A script may exit before it has read all its input.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** Checks for exit code 1, the three lines, and no stack trace. */
export function assertTriplet(outcome: Outcome, what: RegExp): void {
  assert.equal(outcome.code, 1, outcome.stdout + outcome.stderr);
  assert.match(outcome.stderr, what);
  assert.match(outcome.stderr, /^ {2}what_happened: .+\n {2}why_likely: .+\n {2}do_this_now: .+\n$/m);
  assert.doesNotMatch(outcome.stderr, /^\s+at /m);
}

export async function versionOf(place: Place): Promise<string> {
  const { code, stdout, stderr } = await place.bal('--version');
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Runs one of our programs from an installed version until the test is over. */
export async function runningFrom(t: TestContext, place: Place, version: string) {
  const program = join(place.lib, version, 'dist', 'backend.js');
  const child = spawn(process.execPath, [program, '--port', '0', '--tied'], { stdio: ['pipe', 'pipe', 'inherit'] });
  atEnd(t, () => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}
