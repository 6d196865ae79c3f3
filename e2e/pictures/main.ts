// Makes the pictures of the READMEs from the real program: `npm run pictures`. Needs tmux and chromium, about two minutes, and
// the ports that the documents use. The pictures show the machine's name; as root, `unshare --uts sh -c 'hostname lb-1; npm run
// pictures'` makes it a neutral one.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { newHome, startBal } from '../harness.ts';
import { type Backend, backend, type Behaviour } from '../harness/backend.ts';
import { noBrowser, startBrowser, visitPage } from '../harness/browser.ts';
import { environment } from '../harness/cli.ts';
import { visit } from '../harness/exchange.ts';
import type { Owner } from '../../lib/testing/owner.ts';
import { BAL, ROOT } from '../../lib/testing/root.ts';
import { noTerminal, openTerminal } from '../harness/terminal.ts';
import { runsOf } from './ansi.ts';
import { PICTURES } from './files.ts';
import { svgOf } from './svg.ts';

const WEB = { service: 'web', port: 9295, backends: ['127.0.0.11', '127.0.0.12', '127.0.0.13'], backendPort: 8080 };
const DATABASE = { service: 'database', port: 9432, backends: ['127.0.0.21', '127.0.0.22'], backendPort: 5432 };
const ADMIN = 9296;
const SECONDS = 100;
const [COLUMNS, ROWS] = [118, 26];

/** Answers with `bytes` bytes after about `ms` milliseconds, and ends. */
const answers =
  (bytes: number, ms: number): Behaviour =>
  (socket) => {
    socket.resume();
    const timer = setTimeout(() => socket.end(Buffer.alloc(bytes, 'x')), ms * (0.5 + Math.random()));
    socket.once('close', () => clearTimeout(timer));
  };

/** Starts clients at a rate that goes up and down, until aborted. */
async function clients(port: number, perSecond: number, end: AbortSignal): Promise<void> {
  const any = { request: Buffer.from('GET / HTTP/1.0\r\n\r\n'), length: null, right: () => true };
  while (!end.aborted) {
    const swing = 1 + 0.6 * Math.sin(performance.now() / 4000 + port) + 0.3 * Math.random();
    void visit(port, '127.0.0.1', any, 10_000);
    await pause(1000 / (perSecond * swing));
  }
}

async function pictures(owner: Owner): Promise<void> {
  const started = async ({ backends, backendPort }: typeof WEB, behaviour: Behaviour): Promise<Backend[]> => {
    const all: Backend[] = [];
    for (const host of backends) all.push(await backend(owner, behaviour, { host, port: backendPort }));
    return all;
  };
  const web = await started(WEB, answers(24_000, 60));
  const databases = await started(DATABASE, answers(2000, 400));
  const service = ({ port }: typeof WEB, backends: readonly Backend[]) => ({
    port,
    backends: backends.map(({ host, port }) => ({ host, port })),
  });
  // The usual directory name, so that it does not show in the name of the instance.
  const home = join(newHome(owner), '.bal');
  mkdirSync(home);
  const bal = await startBal(owner, {
    home,
    config: {
      bind_address: '127.0.0.1',
      workers: 2,
      admin: `127.0.0.1:${ADMIN}`,
      services: {
        web: service(WEB, web),
        database: { ...service(DATABASE, databases), method: 'least_connections' },
      },
    },
  });
  const end = new AbortController();
  const load = [clients(WEB.port, 60, end.signal), clients(DATABASE.port, 12, end.signal)];

  const browser = await startBrowser(owner);
  const { page } = await visitPage(owner, browser, `http://127.0.0.1:${ADMIN}/`, { width: 1040, height: 1060 });
  const screen = openTerminal(owner, [process.execPath, BAL, 'top'], {
    env: environment(bal.home.dir),
    columns: COLUMNS,
    rows: ROWS,
  });
  process.stderr.write(`Watching bal for ${SECONDS} s …\n`);
  await pause(SECONDS * 500);
  await databases[1]?.die();
  await pause(SECONDS * 150);
  await databases[1]?.recover();
  await pause(SECONDS * 150);
  await web[2]?.die();
  await pause(SECONDS * 200);

  const captured = screen.coloured().trimEnd();
  writeFileSync(
    join(ROOT, PICTURES.top),
    svgOf(runsOf(captured), COLUMNS, 'bal top: services, backends, workers, events'),
  );
  await page.screenshot({ path: join(ROOT, PICTURES.page) });
  screen.press('q');
  await screen.ended();
  screen.close();
  end.abort();
  await Promise.all(load);
}

const missing = noBrowser() ?? noTerminal;
if (missing === null) {
  const ends: (() => void | Promise<void>)[] = [];
  try {
    await pictures({ after: (end) => void ends.push(end) });
  } finally {
    for (const end of ends.toReversed()) await end();
  }
  for (const file of Object.values(PICTURES)) process.stdout.write(`${file}\n`);
} else {
  process.stderr.write(`Pictures cannot be made here: ${missing}\n`);
  process.exitCode = 1;
}
