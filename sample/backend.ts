// A sample backend for trying bal, also used by the tests: `node dist/backend.js --help`.
import { parseArgs } from 'node:util';
import { behaviourWords, parseBehaviour } from './behaviour.ts';
import { controlByHttp, controlByLines } from './control.ts';
import { startBackend, type BackendOptions } from './listener.ts';

const help = `A small TCP backend that can be told to misbehave.

  node dist/backend.js [options]

  --port N         listen on this port; 0 lets the system choose (default 9000)
  --host ADDRESS   listen on this address (default 127.0.0.1)
  --name NAME      what it calls itself in its answers (default backend)
  --echo           send back every byte, instead of answering HTTP/1.1
  --behave WORDS   ${behaviourWords} (default serve)
  --control N      a second port, on 127.0.0.1, that changes the behaviour: curl -X POST http://127.0.0.1:N/stall
  --tied           end when stdin ends, as it does when the program that started this one dies
  --help

It prints one JSON line when it is ready: {"name","host","port","control","pid"}.
When stdin is a pipe, each line in it is a behaviour too, answered by one JSON line once it is in effect.

  serve        answers as it should
  stall        accepts, reads and answers nothing; what was held is answered afterwards
  refuse       closes the listening socket; open connections go on
  reset        resets every connection, open ones too
  slow MS      answers MS milliseconds late
  half-close   answers once, then sends the end and goes on reading
  flap MS      refuses and serves in turn, MS milliseconds each

SIGTERM and SIGINT end it at once.`;

interface Options extends BackendOptions {
  readonly control: number | null;
  readonly tied: boolean;
}

/** Returns the options, or one line that says what is wrong with them. */
function read(argv: readonly string[]): Options | 'help' | { readonly wrong: string } {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      port: { type: 'string', default: '9000' },
      host: { type: 'string', default: '127.0.0.1' },
      name: { type: 'string', default: 'backend' },
      echo: { type: 'boolean', default: false },
      behave: { type: 'string', default: 'serve' },
      control: { type: 'string' },
      tied: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const port = portOf(values.port);
  const control = values.control === undefined ? null : portOf(values.control);
  const behaviour = parseBehaviour(values.behave);
  if (port === undefined || control === undefined) return { wrong: 'a port is a number from 0 to 65535' };
  if (behaviour === null) return { wrong: `--behave ${JSON.stringify(values.behave)}: one of ${behaviourWords}` };
  const { host, name, tied } = values;
  return { port, host, name, protocol: values.echo ? 'echo' : 'http', behaviour, control, tied };
}

function portOf(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function main(): Promise<void> {
  const options = read(process.argv.slice(2));
  if (options === 'help') {
    console.log(help);
    return;
  }
  if ('wrong' in options) {
    console.error(options.wrong);
    process.exitCode = 2;
    return;
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
  // The reader of our lines is gone, so there is nothing left to do.
  process.stdout.on('error', () => process.exit(0));
  const backend = await startBackend(options);
  const control = options.control === null ? null : await controlByHttp(backend, options.control);
  const bound = control?.address();
  // Do not read a terminal: SIGTTIN would stop a backend in a shell's background.
  if (options.tied) process.stdin.on('end', () => process.exit(0)).resume();
  if (!process.stdin.isTTY) controlByLines(backend, process.stdin, print);
  // Keeps the process alive while it refuses, when it may have no socket at all.
  setInterval(() => {}, 2 ** 30);
  print({
    name: options.name,
    host: options.host,
    port: backend.port,
    control: typeof bound === 'object' && bound !== null ? bound.port : null,
    pid: process.pid,
  });
}

// If starting fails half-way, everything already open goes with the process.
main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(error instanceof TypeError ? 2 : 1); // parseArgs throws TypeErrors
});
