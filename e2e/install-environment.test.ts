// install.sh and its environment: Node.js missing or too old, curl or wget, a script through a pipe, an interrupted
// download.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { atEnd } from '../lib/testing/owner.ts';
import { assertTriplet, newFolder, newPlace, newSite, run, versionOf } from './harness/release.ts';
import { ROOT } from '../lib/testing/root.ts';

const folder = newFolder({ after }, 'releases');
const site = newSite(folder);

/** Makes a PATH with only these programs of the system. */
async function pathOf(t: TestContext, ...programs: string[]): Promise<string> {
  const bin = newFolder(t, 'bin');
  for (const program of programs) {
    const { stdout } = await run('sh', ['-c', `command -v ${program}`], process.env);
    if (stdout !== '') writeFileSync(join(bin, program), `#!/bin/sh\nexec ${stdout.trim()} "$@"\n`, { mode: 0o755 });
  }
  return bin;
}

test('without Node.js, and with an old one, it says exactly what to do and changes nothing', async (t) => {
  const place = newPlace(t);
  const PATH = await pathOf(t, 'sh', 'dirname');
  const sh = join(PATH, 'sh');
  const args = [join(ROOT, 'install.sh'), '--prefix', place.prefix];
  const missing = await run(sh, args, { PATH, HOME: place.home });
  assertTriplet(missing, /Node\.js was not found/);
  assert.match(missing.stderr, /do_this_now: install Node\.js 20\.19 or newer/);
  for (const [version, old] of [
    ['18.20.4', true],
    ['20.18.9', true],
    ['20.19.0', false],
    ['22.0.0', false],
  ] as const) {
    writeFileSync(join(PATH, 'node'), nodeThatSays(version), { mode: 0o755 });
    const outcome = await run(sh, args, { PATH, HOME: place.home });
    const complaint = new RegExp(`Node\\.js v${version} at .* is too old`);
    if (old) assertTriplet(outcome, complaint);
    else assert.doesNotMatch(outcome.stderr, complaint);
  }
  assert.ok(!existsSync(place.link));
});

/** This Node.js with a fake version: for `--version`, and for the programs that it runs. */
function nodeThatSays(version: string): string {
  const pretend = `Object.defineProperty(process, "versions", { value: { node: "${version}" } });`;
  return `#!/bin/sh
if [ "$1" = --version ]; then echo v${version}; exit; fi
exec '${process.execPath}' --import 'data:text/javascript,${encodeURIComponent(pretend)}' "$@"
`;
}

/** Serves the site over HTTP. With `stall` it sends only half of a tarball, then calls it. */
async function serve(t: TestContext, stall?: () => void): Promise<string> {
  const server = createServer((request, response) => {
    const file = join(site.folder, decodeURIComponent(request.url ?? ''));
    if (!existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    const content = readFileSync(file);
    response.writeHead(200, { 'Content-Length': content.length });
    if (stall !== undefined && file.endsWith('.tar.gz')) {
      response.write(content.subarray(0, content.length / 2), stall);
    } else {
      response.end(content);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

// Everything that install.sh runs to install a release, except the downloader.
const tools = 'sh bash node dirname cat mkdir mktemp rm rmdir chmod sed head cp tar gzip ln find readlink'.split(' ');

for (const downloader of ['curl', 'wget']) {
  const { code } = await run('sh', ['-c', `command -v ${downloader}`], process.env);
  const skip = code === 0 ? false : `${downloader} is not installed`;
  test(`a script that comes through a pipe downloads with ${downloader} alone`, { skip }, async (t) => {
    const place = newPlace(t);
    const env = { PATH: await pathOf(t, ...tools, downloader), HOME: place.home, BAL_RELEASE_URL: await serve(t) };
    const script = readFileSync(join(ROOT, 'install.sh'), 'utf8');
    const outcome = await run('bash', ['-s', '--', '--prefix', place.prefix], env, script);
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.ok((await versionOf(place)).includes(site.first));
  });
}

test('without curl and wget it says so', async (t) => {
  const place = newPlace(t);
  const env = { PATH: await pathOf(t, ...tools), HOME: place.home, BAL_RELEASE_URL: await serve(t) };
  assertTriplet(
    await run('sh', [join(ROOT, 'install.sh'), '--prefix', place.prefix], env),
    /neither curl nor wget was found/,
  );
  assert.ok(!existsSync(place.lib));
});

test('a script that arrives cut off does nothing', async (t) => {
  const place = newPlace(t);
  const script = readFileSync(join(ROOT, 'install.sh'), 'utf8');
  const env = { PATH: process.env['PATH'], HOME: place.home, PREFIX: place.prefix, BAL_RELEASE_URL: site.url };
  for (const part of [0.5, 0.8, 0.99]) {
    await run('sh', [], env, script.slice(0, script.length * part));
    assert.ok(!existsSync(place.prefix));
  }
  assert.equal((await run('sh', [], env, script)).code, 0, 'the whole of it installs');
});

test('a signal in the middle of a download ends it and leaves the old installation as it was', async (t) => {
  const place = newPlace(t);
  await place.install([], { BAL_RELEASE_URL: site.url });
  const before = place.snapshot();
  site.publish('98.0.0');
  atEnd(t, () => site.publish(site.first));
  const half = new EventEmitter();
  const reached = once(half, 'sent');
  const url = await serve(t, () => void half.emit('sent'));
  // In its own process group, as a shell would start it: Ctrl-C reaches the script and the downloader.
  const child = spawn('sh', [join(ROOT, 'install.sh'), '--prefix', place.prefix], {
    env: { ...process.env, BAL_RELEASE_URL: url },
    stdio: 'ignore',
    detached: true,
  });
  const ended = once(child, 'exit');
  await reached;
  process.kill(-(child.pid ?? 0), 'SIGINT');
  assert.deepEqual(await ended, [130, null]);
  assert.deepEqual(place.snapshot(), before);
});
