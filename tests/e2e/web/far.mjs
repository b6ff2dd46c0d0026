// SPDX-License-Identifier: Apache-2.0
// Journeys on the pages that come in a file of their own: any metric over time, single executions.
import assert from 'node:assert/strict';
import { chartValues, clean, config, fromMenu, live, painted, please, query, until, visit } from './kit.mjs';

/** A trace of two streams: many short executions, one long one, and what is no execution. */
const trace = (names) => JSON.stringify({ traceEvents: [
  { ph: 'M', name: 'process_name', pid: 0, args: { name: 'GPU 0' } },
  { ph: 'M', name: 'thread_name', pid: 0, tid: 7, args: { name: 'stream 7' } },
  ...Array.from({ length: 1000 }, (_, i) => ({ ph: 'X', cat: 'kernel', pid: 0, tid: 7,
    name: names[i % names.length], ts: 1e6 + 100 * i, dur: 60 })),
  { ph: 'X', cat: 'gpu_memcpy', pid: 0, tid: 8, name: 'Memcpy HtoD', ts: 1e6, dur: 50_000 },
  { ph: 'X', cat: 'cpu_op', pid: 1, tid: 1, name: 'aten::mm', ts: 1e6, dur: 9 },
  { ph: 'X', cat: 'kernel', pid: 0, tid: 7, name: 'broken', ts: 'now', dur: null }, null] });

export const far = {
  async explore(browser) {
    const seen = await visit(browser, '/explore');
    const { page } = seen;
    await page.locator('.explored .plot canvas').waitFor();
    await page.getByPlaceholder(/Add one of \d\d metrics/).fill('memory_used');
    await page.waitForFunction(() => document.querySelectorAll('.explored .plot').length === 2);
    assert.equal(query(page, 'm'), 'gpu_utilization,memory_used');
    await page.selectOption('select >> nth=0', 'max');
    await page.selectOption('select >> nth=1', 'span');
    assert.equal(query(page, 'vs'), 'span');
    await page.getByText('Dashed: the time before').waitFor();
    const values = await until(async () => {
      const found = await chartValues(page, 'memory used');
      return found.some((one) => one.values[0] !== null) ? found : null;
    }, 'values');
    assert.equal(values[0].values.length, 4);
    assert.ok(values.some((one) => one.values[0] > 1e9), 'bytes');
    assert.equal((await fromMenu(page, 'memory used', 'Save as PNG')).name, 'gpuvigil-memory-used.png');
    // Who gets the link sees the same.
    await page.reload();
    await page.waitForFunction(() => document.querySelectorAll('.explored .plot').length === 2);
    await page.getByText('Dashed: the time before').waitFor();
    await page.getByRole('button', { name: 'Take gpu utilization away' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.explored .plot').length === 1);
    // Beside what was before, where the server has it.
    const told = values.filter((one) => one.values[0] !== null).map((one) => one.at);
    const text = (at) => new Date(at * 1000).toISOString();
    const end = await until(async () => {
      const last = (await chartValues(page, 'memory used')).at(-1).at;
      return last - told[0] >= 8 ? last : null;
    }, 'time to look back on');
    await page.goto(`${config.url}/explore?m=power&vs=span&from=${text(end - 4)}&to=${text(end)}`);
    await page.getByText(/Mean \d+ W, before \d+ W \(-?\d+\.\d %\)/).waitFor();
    await page.goto(`${config.url}/explore?m=nonsense,__proto__,power`);
    await page.getByText('There is no metric “nonsense').waitFor();
    await page.locator('.explored .plot canvas').waitFor();
    await clean(seen);
  },

  async timeline(browser) {
    const seen = await visit(browser, '/timeline');
    const { page } = seen;
    await page.getByText('Nothing is traced yet').waitFor();
    const open = (name, text) => page.setInputFiles('input[type=file]',
      { name, mimeType: 'application/json', buffer: Buffer.from(text) });
    await open('no.json', '{"a": 1');
    await page.getByText('no.json is no whole JSON').waitFor();
    await open('other.json', '{"a": 1}');
    await page.getByText('other.json is no Chrome trace').waitFor();
    await open('t.json', trace(['first_kernel', 'second_kernel', 'third_kernel']));
    await page.getByText('1,001 executions in').waitFor();
    const canvas = page.locator('.lanes canvas');
    assert.ok(await painted(canvas) > 1000);
    assert.equal(await page.locator('.lanes li').count(), 2);
    assert.equal(await page.locator('.in-view tbody tr').count(), 4);
    const edge = async (name) => Number(await canvas.getAttribute(`data-${name}`));
    const width = async () => await edge('to') - await edge('from');
    const all = await width();
    await canvas.focus();
    for (let i = 0; i < 5; ++i) await page.keyboard.press('w');
    assert.ok(await width() < 0.1 * all);
    for (let i = 0; i < 40; ++i) await page.keyboard.press('d');
    assert.ok(Math.abs(await edge('to') - all) < 1, 'it ends where the trace ends');
    await page.locator('.in-view tbody tr').nth(3).waitFor({ state: 'detached' }); // the copy has ended
    for (let i = 0; i < 3; ++i) await page.keyboard.press('.');
    await page.locator('.timeline .foot').getByText('third_kernel').waitFor();
    await page.keyboard.press('f');
    await page.keyboard.press('f');
    assert.ok(Math.abs(await width() - all) < 1, 'F twice shows all');
    const box = await canvas.boundingBox();
    await page.mouse.click(box.x + box.width * 0.25, box.y + 22 + 45);
    await page.locator('.timeline .foot').getByText('Memcpy HtoD took 50.0 ms').waitFor();
    const before = await edge('from');
    await page.mouse.move(box.x + 400, box.y + 40);
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -100);
    await page.keyboard.up('Control');
    await until(async () => await edge('from') > before, 'the wheel to come closer');
    await clean(seen);
  },

  async tracing(browser) {
    const seen = await visit(browser, `/login#token=${config.token}`);
    const { page } = seen;
    await page.waitForURL((url) => url.pathname === '/');
    await live(page);
    await page.goto(`${config.url}/timeline`);
    await page.getByRole('button', { name: 'Trace', exact: true }).waitFor();
    await page.selectOption('select >> nth=1', '1');
    await page.getByRole('button', { name: 'Trace', exact: true }).click();
    await please('launch');
    await page.getByText(/[1-9][\d,]* executions? in/).waitFor();
    assert.ok(await page.locator('.in-view tbody tr').count() > 0);
    await page.getByRole('button', { name: 'Save for Perfetto' }).waitFor();
    await clean(seen);
  },
};
