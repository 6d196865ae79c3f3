// The benchmark: bal with each engine, the direct path, haproxy and nginx, side by side on this machine. See USAGE.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EngineName, ENGINES } from '../harness/engines.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { signal } from '../harness/processes.ts';
import { ROOT } from '../../lib/testing/root.ts';
import { CASES } from './cases.ts';
import { type CommandFigures, measureCommands } from './commands.ts';
import { BIG, type EyesFigures, measureEyes } from './eyes.ts';
import { runFeatures } from './features/run.ts';
import { buildLoadgen, missingCompiler, startBackends } from './loadgen.ts';
import { describeMachine, openFilesLimit } from './machine.ts';
import { hasOwnNetwork, runInOwnNetwork } from './namespace.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { pidsBelow } from './process-tree.ts';
import { findProxies } from './proxies/find.ts';
import { type Contender, runRounds } from './rounds.ts';
import { renderResults } from './results.ts';

const RESULTS = join(ROOT, 'e2e', 'bench', 'RESULTS.md');
const BACKENDS = 4;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function ports(count: number): Promise<number[]> {
  const free: number[] = [];
  while (free.length < count) free.push(await freePort());
  return free;
}

async function bench(wanted: Options, scratch: string): Promise<void> {
  // A connection needs two descriptors in a single-process proxy.
  const idleConnections = Math.min(wanted.idleConnections, Math.floor((openFilesLimit() - 500) / 2));
  const options: Options = { ...wanted, idleConnections };
  const machine = describeMachine();
  const found = findProxies(options.proxies);
  for (const each of found) if (each.kind === 'absent') say(`${each.name} is left out: ${each.reason}`);
  const contenders: Contender[] = [];
  for (const each of found)
    if (each.kind === 'found') contenders.push({ proxy: each.proxy, backends: await ports(BACKENDS) });
  const cases = CASES.filter(({ name }) => options.cases === null || options.cases.includes(name));

  const wantsEyes = options.cases === null || options.cases.includes('eyes');
  const eyesBackends = wantsEyes ? await ports(BIG.backends) : [];
  const program = buildLoadgen(scratch);
  const ownNode = join(scratch, 'node');
  copyFileSync(process.execPath, ownNode);
  const backends = await startBackends(
    program,
    contenders.flatMap((contender) => contender.backends),
  );
  const commands: CommandFigures[] = [];
  const eyes: EyesFigures[] = [];
  const problems: string[] = [];
  try {
    const around = { scratch, node: process.execPath };
    const plan = { contenders, cases, options, around, ownNode };
    const rounds = await runRounds({ program, backendsPid: backends.pid, cores: machine.cores }, plan, say);
    problems.push(...rounds.problems);
    const engines: EngineName[] = ENGINES.filter((engine) =>
      contenders.some(({ proxy }) => proxy.name === `bal-${engine}`),
    );
    for (const engine of options.cases === null || options.cases.includes('commands') ? engines : []) {
      say(`commands, engine ${engine}`);
      try {
        commands.push(await measureCommands(engine, contenders[0]?.backends ?? [], scratch, options.commandRuns));
      } catch (error) {
        problems.push(`commands ${engine}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    if (wantsEyes) {
      const targets = await startBackends(program, eyesBackends);
      try {
        for (const engine of engines) {
          try {
            eyes.push(await measureEyes({ program, cores: machine.cores }, engine, eyesBackends, around, options, say));
          } catch (error) {
            problems.push(`eyes ${engine}: ${error instanceof Error ? error.message : String(error)}`);
          }
        }
      } finally {
        await targets.stop();
      }
    }
    const has = (name: string): boolean => contenders.some(({ proxy }) => proxy.name === name);
    const features = await runFeatures(
      { program, cores: machine.cores },
      { bal: has('bal-native'), haproxy: has('haproxy') },
      around,
      options,
      say,
    );
    problems.push(...features.problems);
    const args = process.argv.slice(2);
    const text = renderResults({
      when: new Date(),
      machine,
      command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
      hasOwnNetwork: hasOwnNetwork(),
      options,
      cases,
      found,
      samples: rounds.samples,
      commands,
      eyes,
      features,
      problems,
    });
    process.stdout.write(text);
    if (options.out !== null) {
      writeFileSync(options.out, text);
      say(`written to ${options.out}; 'npm run docs' takes it over into the READMEs`);
    }
  } finally {
    await backends.stop();
  }
}

async function main(): Promise<number> {
  let options: Options | null;
  try {
    options = readOptions(process.argv.slice(2), RESULTS);
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return 2;
  }
  if (options === null) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const reason = process.platform === 'linux' ? missingCompiler() : 'it needs /proc and epoll, so Linux';
  if (reason !== null) {
    say(`The benchmark cannot run here: ${reason}.`);
    return 1;
  }
  const code = hasOwnNetwork() ? null : runInOwnNetwork();
  if (code !== null) return code;
  const scratch = mkdtempSync(join(tmpdir(), 'bal-bench-'));
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => {
      for (const pid of pidsBelow(process.pid)) if (pid !== process.pid) signal(pid, 'SIGKILL');
      rmSync(scratch, { recursive: true, force: true });
      process.exit(130);
    });
  try {
    await bench(options, scratch);
    return 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

process.exitCode = await main();
