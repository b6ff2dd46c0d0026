// SPDX-License-Identifier: Apache-2.0
// Journeys of who looks into something: a slow kernel now and before, anything by a few letters,
// alerts as they come and go, what is taken along in a file.
import assert from 'node:assert/strict';
import { clean, config, live, please, query, rows, saved, until, visit } from './kit.mjs';

/** The fields of a line of CSV without a quoted comma in it. */
const fields = (line) => line.split(',');

export const work = {
  async compare(browser) {
    const seen = await visit(browser, '/kernels?time=all&q=slow_kernel');
    const { page } = seen;
    await rows(page).first().click();
    const row = (name) => page.locator('.compare tbody tr', { hasText: name });
    await row('Mean').waitFor();
    await page.getByRole('button', { name: 'Mark now' }).click();
    await page.getByText('It has not run since').waitFor();
    await please('slower');
    // Four times as long as before the mark: both, and the difference, to the digit that the server has.
    await until(async () => /[78]\.\d+ ms/.test(await row('p50').textContent()), 'p50');
    assert.match(await row('Mean').textContent(), /2\.00 ms8\.00 ms\+300 %/);
    await page.locator('.histogram .behind').waitFor();
    await page.getByRole('button', { name: 'Take the mark away' }).click();
    await page.getByRole('button', { name: '1m', exact: true }).last().click();
    assert.equal(query(page, 'cmp'), '1m');
    await page.getByText('last 1 min', { exact: true }).waitFor();
    await page.goto(page.url());
    await page.getByText('last 1 min', { exact: true }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Alert from this' }).count(), 0, 'not offered');
    await clean(seen);
  },

  async palette(browser) {
    const seen = await visit(browser, '/');
    const { page } = seen;
    await live(page);
    const go = async (text, first) => {
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox', { name: 'Page, device' }).waitFor();
      await page.keyboard.type(text);
      await page.getByRole('option', { selected: true }).getByText(first).waitFor();
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    };
    await go('kern', 'Kernels');
    await page.waitForURL((url) => url.pathname === '/kernels');
    await go('gpu 2', 'GPU 2');
    await page.getByRole('heading', { name: 'GPU 2' }).waitFor();
    await go('ncclDev', 'ncclDevKernel');
    await page.locator('.drawer .full-name', { hasText: 'ncclDevKernel' }).waitFor();
    const theme = await page.evaluate(() => document.documentElement.dataset.theme);
    await go('light', 'Dark or light');
    assert.notEqual(await page.evaluate(() => document.documentElement.dataset.theme), theme);
    await go('15m', 'Last 15m');
    assert.equal(query(page, 'w'), '15m');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('zzzzzz');
    await page.getByText('Nothing fits').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await clean(seen);
  },

  async alerts(browser) {
    const seen = await visit(browser, '/kernels');
    const { page } = seen;
    await live(page);
    await please('raise');
    const toast = page.locator('.toast', { hasText: 'high_memory_usage' });
    await toast.waitFor({ timeout: 60_000 });
    assert.equal(await toast.count(), 1, 'a rule is told of once');
    assert.equal(await toast.getByRole('button', { name: 'Acknowledge' }).count(), 0, 'not offered');
    await page.keyboard.press('F8');
    assert.ok(await page.evaluate(() => document.activeElement.closest('.toast') !== null));
    await page.keyboard.press('Tab'); // from "Put away" to "Open"
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.pathname === '/alerts');
    await toast.waitFor({ state: 'detached' });
    await page.locator('.alerts li[data-state="firing"]').getByText('high_memory_usage').waitFor();
    await please('ease');
    await toast.getByText('Over').waitFor({ timeout: 60_000 });
    await page.locator('.alerts li[data-state="resolved"]').getByText('high_memory_usage').waitFor();
    await toast.waitFor({ state: 'detached' }); // what is over goes by itself
    // The desktop is told of it only where somebody asked, and where the browser lets us.
    await seen.context.grantPermissions(['notifications']);
    const box = page.getByLabel('Tell me on this desktop');
    await box.click();
    const permission = await page.evaluate(() => Notification.permission);
    await until(async () => await box.isChecked() === (permission === 'granted'), permission);
    await clean(seen);
  },

  async files(browser) {
    const seen = await visit(browser, '/kernels?time=all&kind=all');
    const { page } = seen;
    await rows(page).nth(3).waitFor();
    const press = () => page.getByRole('button', { name: 'Save as CSV' }).click();
    const kernels = await saved(page, press);
    assert.equal(kernels.name, 'gpuvigil-kernels.csv');
    const text = kernels.bytes.toString();
    const lines = text.trim().split('\r\n');
    assert.deepEqual(fields(lines[0]).slice(0, 3), ['name', 'kind', 'share_percent']);
    // No field begins as a formula, whatever a name says.
    assert.ok(!/(^|,|\n)"?[=+@\t]/.test(text), text.match(/(^|,|\n)"?[=+@\t].{0,40}/)?.[0]);
    assert.ok(text.includes("\"'=cmd|"), 'a formula is text');
    for (const path of ['devices', 'alerts']) {
      await page.goto(`${config.url}/${path}`);
      await live(page);
      const button = page.getByRole('button', { name: 'Save as CSV' });
      if (path === 'alerts' && await button.count() === 0) continue; // the machine is well
      assert.equal((await saved(page, press)).name, `gpuvigil-${path}.csv`);
    }
    await clean(seen);
  },

  /** Twelve tasks without a pointer. Each begins where the one before has ended. */
  async tasks(browser) {
    const seen = await visit(browser, '/');
    const { page } = seen;
    const keys = page.keyboard;
    const press = async (...all) => {
      for (const key of all) await keys.press(key);
    };
    /** Goes on with Tab until something has the focus, as who sees no pointer does. */
    const tabTo = async (what) => {
      for (let i = 0; i < 120; ++i) {
        if (await page.evaluate((text) => {
          const at = document.activeElement;
          return at.matches('a, button, summary, input, select, [tabindex="0"]') &&
            (at.getAttribute('aria-label') ?? at.closest('label')?.textContent ?? at.textContent)
              .includes(text);
        }, what)) return;
        await keys.press('Tab');
      }
      assert.fail(`Tab does not come to ${what}`);
    };
    await live(page);
    // A range needs some seconds to lie in.
    await page.waitForFunction(async () =>
      (await (await fetch('/api/v1/gpu/status')).json()).seq > 15, null, { timeout: 60_000 });
    // 1. Past the frame, into the content.
    await press('Tab');
    await page.getByText('Skip to the content').waitFor();
    await press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    // 2. Another span of time.
    await page.evaluate(() => document.activeElement.blur());
    await tabTo('15m');
    await press('Enter');
    assert.equal(query(page, 'w'), '15m');
    // 3. One device, out of the menu.
    await tabTo('All 4 GPUs');
    await press('Enter');
    await tabTo('2 gpuvigil demo GPU');
    await press('Escape', 'Shift+Digit3');
    assert.equal(query(page, 'device'), '2');
    // 4. All of them, live.
    await press('0');
    assert.equal(query(page, 'device'), null);
    // 5. What a chart says at a moment.
    await tabTo('Power over time');
    await press('ArrowLeft', 'ArrowLeft');
    await page.waitForFunction(() => /\d\d:\d\d:\d\d/.test([...document.querySelectorAll('.chart')]
      .find((one) => one.textContent.includes('Power')).querySelector('.readout time').textContent));
    // 6. A range of it, and out again.
    const range = page.getByText(/Range of \d+ s/);
    for (let tries = 0; tries < 10 && await range.count() === 0; ++tries) {
      // A second that passes in between moves what was chosen away.
      await press('ArrowLeft', 'Shift+ArrowLeft', 'Shift+ArrowLeft', 'Shift+ArrowLeft', 'Enter');
      await page.waitForTimeout(300);
    }
    await range.waitFor();
    await press('0');
    // 7. Its values as a file.
    await tabTo('Power: save or share');
    await press('Enter');
    await tabTo('Save as CSV');
    assert.equal((await saved(page, () => press('Enter'))).name, 'gpuvigil-power.csv');
    // 8. The slowest kernel: the page, the order, the row.
    await press('g', 'k');
    await rows(page).nth(5).waitFor();
    await tabTo('p99');
    await press('Enter');
    assert.equal(query(page, 'sort'), 'p99_time');
    await page.locator('[aria-sort="descending"]', { hasText: 'p99' }).waitFor();
    await rows(page).nth(5).waitFor();
    await page.evaluate(() => document.activeElement.blur());
    const active = page.locator('.rows .row[data-active]').first();
    for (const key of ['j', 'k']) {
      await press(key);
      await active.waitFor();
    }
    await press('Enter');
    await page.locator('.drawer .histogram rect').first().waitFor();
    // 9. The next one, compared with a longer time before; and back.
    const first = query(page, 'k');
    await press(']');
    await page.waitForFunction((k) => new URL(location.href).searchParams.get('k') !== k, first);
    await press('Escape');
    await page.locator('.drawer').waitFor({ state: 'detached' });
    // 10. A kernel by its name.
    await press('/');
    await keys.type('NCCL');
    await page.waitForFunction(() => document.querySelectorAll('.rows .row').length === 1);
    // 11. A device by a few letters.
    await press('Control+k');
    await keys.type('gpu 3');
    await page.getByRole('option', { selected: true }).getByText('GPU 3').waitFor();
    await press('Enter');
    await page.getByRole('heading', { name: 'GPU 3' }).waitFor();
    // 12. A metric beside what was before.
    await press('g', 'e');
    await page.locator('.explored .plot').waitFor();
    await tabTo('Add a metric');
    await keys.type('power');
    await press('Enter');
    await page.waitForFunction(() => document.querySelectorAll('.explored .plot').length === 2);
    await clean(seen);
  },

  /** Names of strangers, wherever a name can come from, and in every parameter of every page. */
  async strangers(browser) {
    const seen = await visit(browser, '/kernels?time=all&kind=all');
    const { page } = seen;
    await rows(page).nth(20).waitFor();
    const foreign = () => page.evaluate(() => document.querySelectorAll(
      'iframe, base, math, details[ontoggle], [onerror], [onload], [onfocus], script:not([src]), ' +
      'a[href^="javascript"], link[href*="evil"], img').length);
    const shown = new Set();
    while (shown.size < config.names.length) {
      const found = await page.evaluate(() => [...document.querySelectorAll('.rows .row')]
        .filter((row) => row.querySelector('.kernel-name') !== null)
        .map((row) => Number(row.getAttribute('aria-rowindex')) - 2));
      for (const index of found) shown.add(index);
      await page.evaluate((top) => { document.querySelector('.rows').scrollTop = top; },
        (Math.max(...shown) - 2) * 32);
      await page.waitForFunction((last) => [...document.querySelectorAll('.rows .row')].some((row) =>
        Number(row.getAttribute('aria-rowindex')) - 2 >= last && row.querySelector('.kernel-name')),
      Math.min(Math.max(...shown) + 1, config.names.length - 1));
    }
    assert.equal(await foreign(), 0);
    await page.keyboard.press('Control+k');
    await page.keyboard.type('<img');
    await page.locator('.palette li').first().waitFor();
    assert.equal(await foreign(), 0);
    await page.keyboard.press('Escape');
    await page.goto(`${config.url}/timeline`);
    await page.setInputFiles('input[type=file]', { name: `${config.names[1].replaceAll('/', '')}.json`,
      mimeType: 'application/json', buffer: Buffer.from(JSON.stringify({ traceEvents: [
        { ph: 'M', name: 'process_name', pid: 0, args: { name: config.names[0] } },
        ...config.names.map((name, i) => ({ ph: 'X', cat: 'kernel', pid: 0, tid: i % 5, name,
          ts: 100 * i, dur: 60 }))] })) });
    await page.locator('.in-view tbody tr').nth(20).waitFor();
    await page.locator('.lanes canvas').focus();
    for (const key of ['.', '.', 'f']) await page.keyboard.press(key);
    assert.equal(await foreign(), 0);
    let next = 0;
    for (const path of config.pages) {
      const words = new URLSearchParams(['q', 'k', 'm', 'vs', 'agg', 'sort', 'order', 'kind', 'heat', 'w',
        'device', 'from', 'to', 'at', 'severity', 'cmp', 'pid', 'next'].map((name) =>
        [name, config.names[next++ % config.names.length]]));
      await page.goto(`${config.url}${path}?${words}`);
      await page.locator('h1').first().waitFor({ state: 'attached' });
      if (path !== '/login') await live(page);
      assert.equal(await foreign(), 0, path);
    }
    await clean(seen);
  },
};
