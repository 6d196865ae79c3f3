// The page of the admin listener in a real browser: readable on a phone, in the dark, by keyboard and with a screen reader;
// nobody can inject text into it.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { newHome, startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { noBrowser, startBrowser, takePicture, visitPage } from './harness/browser.ts';
import { configFor } from './harness/config.ts';
import { inBrowser, rowOf, scene, shows } from './harness/page-scene.ts';
import { freePort } from '../lib/testing/ports.ts';

/** Shared by the file: starting a browser takes longer than most tests. */
const browser = noBrowser() === null ? await startBrowser({ after }) : null;

for (const scheme of ['light', 'dark'] as const) {
  inBrowser(browser, `it is readable on a phone, ${scheme}`, async (t, browser) => {
    const [port, admin] = [await freePort(), await freePort()];
    const far = { host: '2001:db8:1234:5678:9abc:def0:1234:5678', port: 65_000 };
    const longName = 'a-service-with-quite-a-long-name-of-forty-characters';
    const near = await backend(t, echo);
    const { port: _port, backends, ...top } = configFor(port, [near, far]);
    const services = { [longName]: { port, backends } };
    await startBal(t, { config: { ...top, admin: `127.0.0.1:${admin}`, services } });
    const looks = { width: 320, height: 640, scheme };
    const { page, assertClean } = await visitPage(t, browser, `http://127.0.0.1:${admin}/`, looks);
    await rowOf(page, near.address).getByText(/^up/).waitFor();
    await page.getByRole('listitem').first().waitFor();
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 320, 'nothing is wider than the screen');
    const below = await page.evaluate("document.querySelector('article').getBoundingClientRect().top");
    assert.ok(Number(below) < 320, `the first service is seen at once, at ${String(below)}`);
    // The rows are shown as cards but remain a table to a screen reader.
    const table = page.getByRole('table', { name: `Backends of ${longName}` });
    assert.equal(await table.getByRole('rowheader').count(), 2);
    assert.equal(await table.getByRole('columnheader').count(), 11);
    const colours = await page.evaluate(
      "['backgroundColor', 'color'].map((name) => getComputedStyle(document.body)[name].match(/\\d+/g).reduce((sum, part) => sum + Number(part), 0))",
    );
    assert.ok(Array.isArray(colours));
    const [back, text] = colours.map(Number);
    assert.ok(scheme === 'dark' ? Number(back) < Number(text) : Number(back) > Number(text), String(colours));
    assert.deepEqual(await page.evaluate('document.getAnimations().length'), 0);
    await takePicture(page, `phone-${scheme}`);
    assertClean();
  });
}

inBrowser(browser, 'it works by keyboard alone, and its parts have names', async (t, browser) => {
  const { url, backends } = await scene(t);
  const { page, assertClean } = await visitPage(t, browser, url);
  await rowOf(page, backends[0].address).waitFor();
  const focused = (what: string) => page.evaluate(`document.activeElement.${what}`);
  await page.keyboard.press('Tab');
  assert.equal(await focused('textContent'), 'Skip to services and backends');
  assert.ok(await page.locator('.skip').isVisible());
  assert.notEqual(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'none');
  await page.keyboard.press('Enter');
  assert.equal(await focused('id'), 'services-title');
  await page.getByRole('button', { name: 'Pause' }).focus();
  await page.keyboard.press('Space');
  await page.getByRole('button', { name: 'Pause', pressed: true }).waitFor();
  const names = (role: string) => page.locator(role).count();
  assert.deepEqual(await Promise.all(['header', 'main', 'footer', 'h1'].map(names)), [1, 1, 1, 1]);
  assert.equal(await page.evaluate('document.documentElement.lang'), 'en');
  // Every table has a caption, every column and row header a scope.
  assert.equal(
    await page.evaluate("[...document.querySelectorAll('table')].every((table) => table.caption !== null)"),
    true,
  );
  assert.equal(await page.evaluate("[...document.querySelectorAll('th')].every((head) => head.scope !== '')"), true);
  for (const name of ['Overview', 'Traffic', 'Services and backends', 'Workers'])
    assert.equal(await page.getByRole('region', { name, exact: true }).count(), 1, name);
  assert.equal(await page.getByRole('status').count(), 1);
  assertClean();
});

inBrowser(browser, 'Pause holds the figures still, and not the connection', async (t, browser) => {
  const { bal, url, backends } = await scene(t);
  const { page } = await visitPage(t, browser, url);
  const [{ address, die }] = backends;
  await rowOf(page, address).getByText(/^up/).waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await shows(page, '#link', /^Paused at \d\d:\d\d:\d\d [+-]\d\d:\d\d; bal goes on$/);
  const held = await rowOf(page, address).textContent();
  await die();
  await bal.statusWhen('the backend is down', ({ backend_reachable }) => backend_reachable === 1);
  await shows(page, '#live', new RegExp(`Backend ${address} is down`));
  assert.equal(await rowOf(page, address).textContent(), held);
  await page.getByRole('button', { name: 'Pause' }).click();
  await rowOf(page, address).getByText(/^down/).waitFor();
});

inBrowser(browser, 'a page that is paused still shows all backends to who asks for them', async (t, browser) => {
  const [port, admin] = [await freePort(), await freePort()];
  const many = Array.from({ length: 30 }, (_none, i) => ({ host: `127.0.0.${i + 2}`, port: 1 }));
  await startBal(t, { config: { ...configFor(port, many), admin: `127.0.0.1:${admin}` } });
  const { page } = await visitPage(t, browser, `http://127.0.0.1:${admin}/`);
  const rows = page.locator('#services tbody tr');
  await rows.nth(24).waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: 'Pause', pressed: true }).waitFor();
  assert.equal(await rows.count(), 25);
  await page.getByRole('button', { name: 'Show all 30 backends' }).click();
  await rows.nth(29).waitFor();
});

inBrowser(browser, 'text from outside stays text', async (t, browser) => {
  const home = join(newHome(t), '<img src=x onerror=document.title=1><b>');
  mkdirSync(home);
  const { url } = await scene(t, home);
  const { page, assertClean } = await visitPage(t, browser, url);
  await shows(page, '#config', /<img src=x onerror=/);
  await page.getByRole('listitem').filter({ hasText: '<img src=x' }).waitFor();
  assert.equal(await page.locator('img, b').count(), 0);
  assertClean();
});
