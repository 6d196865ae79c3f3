import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadConfig, type Loaded } from '../load.ts';
import { formatProblem } from '../problem.ts';

interface Place {
  write(name: string, text: string): string;
  load(): Promise<Loaded>;
  /** Errors as shown, without the directory. */
  errors(): Promise<string[]>;
  readonly dir: string;
}

function place(t: TestContext, main: string): Place {
  const dir = mkdtempSync(join(tmpdir(), 'bal-include-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'conf.d'));
  const config = join(dir, 'config.yaml');
  writeFileSync(config, main);
  const load = (): Promise<Loaded> => loadConfig(config);
  return {
    dir,
    load,
    write(name, text) {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    },
    async errors() {
      const { errors, configPath } = await load();
      return errors.map((it) => formatProblem(it, configPath).replaceAll(`${dir}/`, ''));
    },
  };
}

const PATTERN = 'include: conf.d/*.yaml\n';
const service = (name: string, port: number): string =>
  `services:\n  ${name}:\n    port: ${port}\n    backends: [127.0.0.1:${port + 1}]\n`;

test('services of included files stand behind those of the file, by name of the file; each value tells where it is', async (t) => {
  const it = place(t, `method: random\n${PATTERN}${service('main', 1000)}`);
  it.write('conf.d/20-b.yaml', service('b', 2000));
  it.write('conf.d/10-z.yaml', service('z', 3000).replace('z:', 'z: {port: 3005, backends: [127.0.0.1:1]}\n  "7":'));
  it.write('conf.d/.hidden.yaml', 'rubbish');
  it.write('conf.d/note.txt', 'rubbish');
  const { plan, included, effective, patterns } = await it.load();
  assert.deepEqual(
    plan?.services.map(({ name, method }) => `${name} ${method}`),
    ['main random', 'z random', '7 random', 'b random'],
  );
  assert.deepEqual(included, [join(it.dir, 'conf.d/10-z.yaml'), join(it.dir, 'conf.d/20-b.yaml')]);
  assert.deepEqual(plan.included, included);
  assert.deepEqual(patterns, [join(it.dir, 'conf.d/*.yaml')]);
  const originOf = (path: string) => effective.find((value) => value.path === path)?.origin;
  assert.equal(originOf('services.b.port'), `${it.dir}/conf.d/20-b.yaml:3`);
  assert.equal(originOf('services.b.method'), 'file:1');
  assert.equal(originOf('services.main.port'), 'file:5');
  assert.equal(originOf('services.b.runtime.tcp_backlog'), 'auto-tuned');
});

test('a pattern may match nothing, a file has to be there', async (t) => {
  const it = place(t, `include: [conf.d/*.yaml, nowhere/*.yaml]\n${service('main', 1000)}`);
  assert.deepEqual(await it.errors(), []);
  it.write('config.yaml', `include:\n  - conf.d/*.yaml\n  - conf.d/a.yaml\n${service('main', 1000)}`);
  assert.deepEqual(await it.errors(), [
    'config.yaml:3:5 include[1]: no such file: conf.d/a.yaml; only a pattern, such as "conf.d/*.yaml", may match nothing',
  ]);
  it.write('conf.d/a.yaml', service('a', 2000));
  const { errors, included } = await it.load();
  assert.deepEqual([errors, included], [[], [join(it.dir, 'conf.d/a.yaml')]], 'one that two entries name counts once');
});

test('without any service there is nothing to serve, and with `include` the flat form is none', async (t) => {
  const it = place(t, PATTERN);
  assert.deepEqual(await it.errors(), [
    'config.yaml:1:1 include: there are no services, neither in this file nor in one that it includes',
  ]);
  it.write('config.yaml', `port: 9295\nbackends: [127.0.0.1:1]\n${PATTERN}`);
  assert.match((await it.errors()).join(), /they have names: put "port" and "backends" under "services:" and a name/);
  it.write('conf.d/a.yaml', 'services:\n  a: {}\n');
  assert.deepEqual(
    (await it.load()).plan?.services.map(({ name, port }) => `${name} ${port}`),
    ['a 9295'],
  );
});

test('errors name the file and line in which they are', async (t) => {
  const it = place(t, `${PATTERN}${service('main', 1000)}`);
  const told = async (text: string): Promise<string[]> => {
    it.write('conf.d/a.yaml', text);
    return await it.errors();
  };
  assert.deepEqual(await told('services:\n  a:\n    port: 99999\n    backends: [127.0.0.1:1]\n'), [
    'conf.d/a.yaml:3:5 services.a.port: expected integer 1..65535, got 99999',
  ]);
  assert.deepEqual(await told('services:\n  a:\n    prot: 1\n    backends: [127.0.0.1:1]\n'), [
    'conf.d/a.yaml:3:5 services.a.prot: unknown key; did you mean "port"?',
  ]);
  assert.deepEqual(await told('services:\n  a:\n    port: 1\n'), [
    'conf.d/a.yaml:2:3 services.a.backends: missing, expected a list of backends; give "a" its own, or put them at the top level for all 2 services',
  ]);
  assert.match((await told('services:\n  a: [\n')).join(), /^conf\.d\/a\.yaml:\d+:\d+ missing "\]"/);
  assert.match((await told('services:\n  a: {port: “1”}\n')).join(), /^conf\.d\/a\.yaml:2:.*line 2 has a typographic/);
  assert.match(
    (await told(`services:\n  a: {port: "\${BAL_NO_SUCH}"}\n`)).join(),
    /^conf\.d\/a\.yaml:2:.*BAL_NO_SUCH is not set/,
  );
  assert.match(
    (await told(service('main', 2000))).join(),
    /^conf\.d\/a\.yaml:2:3 services\.main: duplicate service; it is already on line 3 of config\.yaml$/,
  );
  assert.match(
    (await told(service('a', 1000))).join(),
    /^conf\.d\/a\.yaml:3:5 services\.a\.port: 0\.0\.0\.0:1000 is taken by service "main" \(line 4 of the file that includes this one\)/,
  );
  it.write('conf.d/b.yaml', service('a', 3000));
  assert.match(
    (await told(service('a', 2000))).join(),
    /^conf\.d\/b\.yaml:2:3 services\.a: duplicate service; it is already on line 2 of conf\.d\/a\.yaml$/,
  );
  it.write('conf.d/b.yaml', service('b', 2000));
  assert.match(
    (await it.errors()).join(),
    /^conf\.d\/b\.yaml:3:5 .*taken by service "a" \(line 3 of conf\.d\/a\.yaml\)/,
  );
});

test('an included file holds services and nothing else', async (t) => {
  const it = place(t, `${PATTERN}${service('main', 1000)}`);
  const told = async (text: string): Promise<string[]> => {
    it.write('conf.d/a.yaml', text);
    return await it.errors();
  };
  const only = 'an included file holds "services" and nothing else';
  assert.deepEqual(await told(`log_level: debug\nport: 7\n${service('a', 2000)}`), [
    `conf.d/a.yaml:1:1 log_level: ${only}; it belongs to the whole instance: put it into config.yaml`,
    `conf.d/a.yaml:2:1 port: ${only}; put it under "services:" and a name, or for all services into config.yaml`,
  ]);
  assert.deepEqual(await told('include: x.yaml\n'), [
    'conf.d/a.yaml:1:1 include: an included file cannot include others; name them in config.yaml',
  ]);
  assert.deepEqual(await told('servces: {}\n'), ['conf.d/a.yaml:1:1 servces: unknown key; did you mean "services"?']);
  assert.match(
    (await told('# nothing\n')).join(),
    /^conf\.d\/a\.yaml:1:1 the file is empty; to leave it out, remove it/,
  );
  assert.match((await told('services:\n')).join(), /^conf\.d\/a\.yaml:1:1 services: expected names of services/);
  assert.match((await told('- a\n')).join(), /^conf\.d\/a\.yaml:1:1 expected "services:"/);
});

test('what cannot be read is told with its path, and nothing waits', async (t) => {
  const it = place(t, `${PATTERN}${service('main', 1000)}`);
  const path = (name: string): string => join(it.dir, 'conf.d', name);
  mkdirSync(path('dir.yaml'));
  execFileSync('mkfifo', [path('fifo.yaml')]);
  symlinkSync('/dev/zero', path('device.yaml'));
  symlinkSync('loop.yaml', path('loop.yaml'));
  symlinkSync('nowhere', path('nowhere.yaml'));
  symlinkSync('../config.yaml', path('self.yaml'));
  writeFileSync(path('bytes.yaml'), Buffer.from([0x61, 0xff]));
  writeFileSync(path('secret.yaml'), service('secret', 3000));
  chmodSync(path('secret.yaml'), 0);
  const errors = await it.errors();
  const isRoot = process.getuid?.() === 0;
  assert.deepEqual(
    errors.map((error) => error.replace(/;.*/, '')),
    [
      'config.yaml:1:1 include: this file would include itself',
      'conf.d/bytes.yaml:1:2 not UTF-8',
      'conf.d/device.yaml: cannot read: it is a device, not a regular file',
      'conf.d/dir.yaml: cannot read: it is a directory, not a regular file',
      'conf.d/fifo.yaml: cannot read: it is a FIFO, not a regular file',
      'conf.d/loop.yaml: cannot read: symbolic links that lead back to themselves',
      'conf.d/nowhere.yaml: no such file',
      ...(isRoot ? [] : ['conf.d/secret.yaml: cannot read: permission denied']),
    ],
  );
  it.write('config.yaml', `include: conf.d\n${service('main', 1000)}`);
  assert.match((await it.errors()).join(), /conf\.d: cannot read: it is a directory.*write "conf\.d\/\*\.yaml"/);
  it.write('config.yaml', `include: config.yaml/*\n${service('main', 1000)}`);
  assert.match((await it.errors()).join(), /config\.yaml:1:1 include: config\.yaml is no directory/);
});

test('files, their bytes and their elements are bounded, all together', async (t) => {
  const it = place(t, `${PATTERN}${service('main', 1000)}`);
  for (let i = 0; i < 1000; i++) it.write(`conf.d/${i}.yaml`, '');
  assert.match(
    (await it.errors()).join(),
    /^config\.yaml:1:1 include: expected at most 64 files, as many as services, got 1000; keep/,
  );
  rmSync(join(it.dir, 'conf.d'), { recursive: true });
  mkdirSync(join(it.dir, 'conf.d'));
  for (const name of ['a', 'b', 'c'])
    it.write(`conf.d/${name}.yaml`, `${service(name, 2000)}#${'x'.repeat(400_000)}\n`);
  assert.match(
    (await it.errors()).join(),
    /conf\.d\/c\.yaml: too large: at most 1048576 bytes are read of all files together/,
  );
  for (const name of ['a', 'b', 'c']) it.write(`conf.d/${name}.yaml`, `x: [${'1,'.repeat(30_000)}]\n`);
  assert.match((await it.errors()).join(), /conf\.d\/b\.yaml:1:\d+ too many elements/);
});

test('two configurations have one fingerprint when they say the same in the same files', async (t) => {
  const it = place(t, `${PATTERN}${service('main', 1000)}`);
  const prints = [(await it.load()).fingerprint];
  const next = async (): Promise<void> => void prints.push((await it.load()).fingerprint);
  it.write('conf.d/a.yaml', service('a', 2000));
  await next();
  it.write('conf.d/a.yaml', `${service('a', 2000)}# more\n`);
  await next();
  it.write('conf.d/a.yaml', 'rubbish');
  await next();
  rmSync(join(it.dir, 'config.yaml'));
  await next();
  assert.equal(new Set(prints).size, prints.length);
  it.write('config.yaml', `${PATTERN}${service('main', 1000)}`);
  it.write('conf.d/a.yaml', service('a', 2000));
  assert.equal((await it.load()).fingerprint, prints[1]);
});

test('services whose names begin with the name of another one keep their own lines', async (t) => {
  const it = place(t, `include: [a.yaml, b.yaml]\n${service('own', 1000)}`);
  it.write('a.yaml', 'services:\n  web: 1\n  web2: 2\n  own: {port: 5}\n');
  it.write('b.yaml', 'services:\n  own2: 4\n');
  const errors = await it.errors();
  assert.deepEqual(
    errors.map((error) => error.split(': ', 1)[0]),
    ['a.yaml:2:3 services.web', 'a.yaml:3:3 services.web2', 'a.yaml:4:3 services.own', 'b.yaml:2:3 services.own2'],
  );
});
