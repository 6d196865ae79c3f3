// The page of the admin listener in a real browser survives everything that happens to bal.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { after } from 'node:test';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { noBrowser, startBrowser, takePicture, visitPage } from './harness/browser.ts';
import { configFor } from './harness/config.ts';
import { echoes, names } from './harness/exchange.ts';
import { startLoad, visits } from './harness/load.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { inBrowser, rowOf, scene, shows } from './harness/page-scene.ts';
import { until } from '../lib/testing/until.ts';

/** Shared by the file: starting a browser takes longer than most tests. */
const browser = noBrowser() === null ? await startBrowser({ after }) : null;

inBrowser(
  browser,
  'it shows figures, services, backends, workers and events, and asks nobody else',
  async (t, browser) => {
    const { bal, backends, port, url } = await scene(t);
    const { page, assertClean } = await visitPage(t, browser, url);
    const load = startLoad(t, port, echoes());
    await load.succeeds(200);
    await load.stop();
    const { pid, version, workers } = await bal.status();

    for (const name of ['Services and backends', 'Traffic', 'Workers', /^Events/])
      await page.getByRole('heading', { level: 2, name }).waitFor();
    await shows(page, '#figures', /backends up\s*2 of 2\s*open\s*\d+ of \d+.*workers\s*2/);
    await shows(page, '#state', /^running$/);
    await shows(page, '#span', /^The last \d+ s, as far back as this page has seen$/);
    await shows(page, '#instance', new RegExp(`^running for .*, engine \\w+, generation 1, version ${version}$`));
    const name = `${hostname()}/${basename(bal.home.dir)}`;
    await until('tabs of two instances differ', async () => (await page.title()) === `${name} - bal`);
    await shows(page, '#name', new RegExp(`^${name}$`));
    assert.equal(await page.locator('#pid').textContent(), String(pid));
    const table = page.getByRole('table', { name: 'Backends of default' });
    assert.equal(await table.getByRole('row').count(), 3);
    for (const { address } of backends) {
      await rowOf(page, address).getByText('up', { exact: true }).waitFor();
      await until('since when it is up is shown', async () =>
        /^\d+ m?s$/.test((await rowOf(page, address).locator('td[data-title="For"]').textContent()) ?? ''),
      );
    }
    // Both backends together have had every connection.
    await until('the connections of the backends are shown', async () => {
      const cells = await table.locator('td[data-title="Total"]').allTextContents();
      return cells.reduce((sum, text) => sum + Number(text), 0) >= 200;
    });
    for (const { id, pid: own } of workers) await rowOf(page, `${id} (PID ${own})`).waitFor();
    await page.getByRole('listitem').filter({ hasText: 'every worker accepts connections' }).waitFor();
    // The charts recorded the rate while it lasted.
    assert.ok((await page.locator('.plot canvas').count()) === 3);
    await takePicture(page, 'page');
    assertClean();
  },
);

inBrowser(
  browser,
  'it follows a backend that goes down and comes back, and says so to a screen reader',
  async (t, browser) => {
    const { backends, url } = await scene(t);
    const { page, assertClean } = await visitPage(t, browser, url);
    const [{ address, die, recover }] = backends;
    await shows(page, '#figures', /2 of 2/);
    const first = page.getByRole('table', { name: 'Backends of default' }).getByRole('rowheader').first();
    assert.equal(await page.locator('#live').textContent(), '', 'nothing has changed yet');
    await die();
    await rowOf(page, address).getByText('down', { exact: true }).waitFor();
    await shows(page, '#live', new RegExp(`Backend ${address} is down\\.`));
    await shows(page, '#figures', /1 of 2/);
    await shows(page, '#state', /^degraded$/);
    await page.locator('article.odd h3 .badge.odd', { hasText: 'degraded' }).waitFor();
    await until('the title tells it', async () => (await page.title()).startsWith('degraded, 1 of 2 up: '));
    assert.equal(await first.textContent(), address, 'the worst first');
    await takePicture(page, 'backend-down');
    await recover();
    await rowOf(page, address).getByText('up', { exact: true }).waitFor();
    await shows(page, '#state', /^running$/);
    await shows(page, '#live', new RegExp(`Backend ${address} is up\\.`));
    await page
      .getByRole('listitem')
      .filter({ hasText: `backend ${address} is down` })
      .waitFor();
    assertClean();
  },
);

inBrowser(
  browser,
  'no backend, and protection mode: it says what is wrong and what will end it',
  async (t, browser) => {
    const { backends, port, url } = await scene(t);
    const { page } = await visitPage(t, browser, url);
    await Promise.all(backends.map(({ die }) => die()));
    await visits(port, names('nobody'), 40);
    await shows(page, '#readiness', /^Not ready, so \/readyz answers 503: service default has no backend that is up/);
    await page.locator('article.bad h3 .badge.bad', { hasText: 'failing' }).waitFor();
    await shows(page, 'article .note.bad', /^No backend is up/);
    await page
      .locator('article .note.odd')
      .filter({ hasText: /^Protection mode is on since \d{4}-\d\d-\d\d [\d:]+ [+-]\d\d:\d\d: .*; ends / })
      .waitFor();
    // Clients without a backend count as refused.
    await shows(page, '#figures', /refused\s*\d+\s*\d+ without a backend/);
    await page
      .locator('.advice')
      .filter({ hasText: /^Likely: .*\. Do: / })
      .first()
      .waitFor();
    assert.equal(await page.getByText('do_this_now').count(), 0);
    await shows(page, 'article > .muted', /Connections ended: connect_failed \d+/);
  },
);

inBrowser(browser, 'it goes on through a reload that changes the backends and the workers', async (t, browser) => {
  const { bal, backends, url, config, port } = await scene(t);
  const { page, assertClean } = await visitPage(t, browser, url);
  const before = await bal.workerPids();
  const third = await backend(t, echo);
  const admin = config['admin'];
  bal.configure(configFor(port, [...backends, third], { admin }));
  assert.equal((await bal.graceful()).code, 0);
  await rowOf(page, third.address).getByText(/^up/).waitFor();
  await shows(page, '#instance', /generation 2/);
  await page.getByRole('listitem').filter({ hasText: 'generation 2 serves' }).waitFor();
  await until('the old workers are gone from the page', async () => {
    const text = (await page.locator('#workers').textContent()) ?? '';
    return before.every((pid) => !text.includes(`(PID ${pid})`));
  });
  assert.equal(await page.locator('#link').textContent(), 'Live');
  assertClean();
});

inBrowser(browser, 'after a restart of bal it is live again, with the new events only', async (t, browser) => {
  const first = await scene(t);
  const { page } = await visitPage(t, browser, first.url);
  await shows(page, '#pid', new RegExp(String(first.bal.pid)));
  assert.equal((await first.bal.stop()).code, 0);
  await shows(page, '#link', /^Not connected since \d\d:\d\d:\d\d [+-]\d\d:\d\d; these are the last figures$/);
  assert.match(await page.title(), /^not connected: .* - bal$/);
  assert.equal(await page.locator('#state').isVisible(), false, 'nobody knows how it is now');
  assert.match((await rowOf(page, first.backends[0].address).textContent()) ?? '', /up/, 'the last figures stay');
  await takePicture(page, 'not-connected');
  const again = await startBal(t, { config: first.config, home: first.bal.home.dir });
  await shows(page, '#link', /^Live$/);
  await shows(page, '#pid', new RegExp(String(again.pid)));
  await shows(page, '#live', /bal is ready\.|Connected to bal again\./);
  const starts = page.getByRole('listitem').filter({ hasText: 'bal.starting' });
  await starts.waitFor();
  assert.equal(await starts.count(), 1);
});

inBrowser(browser, 'when bal has no room for another reader, it waits its turn', async (t, browser) => {
  const { url } = await scene(t);
  const readers: Socket[] = [];
  atEnd(t, () => readers.forEach((socket) => socket.destroy()));
  for (let i = 0; i < 16; i++) {
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1' });
    readers.push(socket);
    socket.write('GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.resume();
  }
  const { page } = await visitPage(t, browser, url, { live: false });
  await shows(page, '#link', /^Not connected since/);
  for (const socket of readers) socket.destroy();
  await shows(page, '#link', /^Live$/);
});
