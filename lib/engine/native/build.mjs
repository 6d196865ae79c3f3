// Builds the addon with the local C compiler: dist/native/bal-linux-<arch>.node. Uses the headers of the running Node.
// If the compiler or the headers are missing it says so and succeeds, unless called with --only or --sanitize.
//   node lib/engine/native/build.mjs [--if-needed] [--only] [--sanitize] [--arch x64|arm64] [--into FOLDER]
// --sanitize makes .build/native/bal-linux-<arch>.sanitize.node with AddressSanitizer and UndefinedBehaviorSanitizer.
// --arch cross-compiles with aarch64-linux-gnu-gcc, x86_64-linux-gnu-gcc or $CC.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: {
    'if-needed': { type: 'boolean', default: false },
    only: { type: 'boolean', default: false },
    sanitize: { type: 'boolean', default: false },
    arch: { type: 'string', default: process.arch },
    into: { type: 'string' },
  },
});
const { arch, sanitize } = values;
const root = join(here, '..', '..', '..');
const folder = values.into ? resolve(values.into) : join(root, sanitize ? '.build' : 'dist', 'native');
const result = join(folder, `bal-linux-${arch}${sanitize ? '.sanitize' : ''}.node`);
const CROSS_COMPILERS = { x64: 'x86_64-linux-gnu-gcc', arm64: 'aarch64-linux-gnu-gcc' };

/** Exits when a tool is missing. That is no error unless the build was asked for, because bal has the js engine. */
function without(what) {
  console.error(`The native engine was not built: ${what}. bal works without it, with the js engine.`);
  process.exit(values.only || sanitize ? 1 : 0);
}

if (process.platform !== 'linux' || !Object.hasOwn(CROSS_COMPILERS, arch)) {
  without(`it is for Linux on x64 and arm64, this is ${process.platform} on ${arch}`);
}
const files = readdirSync(here).filter((file) => /\.[ch]$/.test(file));
const newest = Math.max(...[...files, 'build.mjs'].map((file) => statSync(join(here, file)).mtimeMs));
if (values['if-needed'] && existsSync(result) && statSync(result).mtimeMs >= newest) process.exit(0);

const include = [
  process.env.npm_config_nodedir && join(process.env.npm_config_nodedir, 'include', 'node'),
  join(dirname(process.execPath), '..', 'include', 'node'),
  '/usr/include/node',
  '/usr/include/nodejs/src',
].find((path) => path && existsSync(join(path, 'node_api.h')) && existsSync(join(path, 'uv.h')));
if (include === undefined) without('no headers of Node.js were found (node_api.h, uv.h)');

const compiler = process.env.CC || (arch === process.arch ? 'cc' : CROSS_COMPILERS[arch]);
if (spawnSync(compiler, ['--version']).status !== 0) without(`there is no C compiler (${compiler})`);

mkdirSync(folder, { recursive: true });
// Build under another name: a running bal may have the old file mapped, and a failed build must leave no partial file.
const draft = `${result}.${process.pid}`;
const options = [
  ...'-std=c11 -D_GNU_SOURCE -DNAPI_VERSION=8 -fPIC -shared -fvisibility=hidden -pthread'.split(' '),
  ...'-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -fstack-protector-strong'.split(' '),
  ...(sanitize
    ? '-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined'
    : '-O2 -g1 -D_FORTIFY_SOURCE=2 -flto=auto -Wl,-z,relro,-z,now'
  ).split(' '),
  // The same file wherever it is built.
  `-ffile-prefix-map=${here}=native`,
  `-ffile-prefix-map=${include}=node`,
];
const sources = files.filter((file) => file.endsWith('.c')).sort();
const built = spawnSync(compiler, [...options, '-isystem', include, ...sources, '-o', draft], {
  cwd: here,
  stdio: 'inherit',
});
if (built.status !== 0) {
  rmSync(draft, { force: true });
  console.error(
    'The native engine was not built: the compiler failed, see above. bal works without it, with the js engine.',
  );
  process.exit(1);
}
renameSync(draft, result);
