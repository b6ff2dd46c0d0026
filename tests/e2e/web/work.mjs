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
};
