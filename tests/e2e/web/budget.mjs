// SPDX-License-Identifier: Apache-2.0
// What the dashboard costs: 64 devices for eight hours, as fast as the browser takes them. The stream
// is played to the page by the test, since no server can hurry; everything else is the real server.
import assert from 'node:assert/strict';
import { config, open } from './kit.mjs';

const DEVICES = 64;
const HOURS = config.hours;
const BATCH = 40; // messages between two looks at the screen
const HEAP_MB = 120;
const GROWTH_MB = 5;
const TICK_MS = 12;

const message = (seq, at) => JSON.stringify({ type: 'gpu_metrics', seq, dropped: 0,
  timestamp: new Date(at).toISOString(), gpu_utilization: 50, memory_used_mb: 1000, recent_kernels: [],
  devices: Array.from({ length: DEVICES }, (_, i) => ({ index: i, gpu_utilization: (7 * i + 3 * seq) % 101,
    memory_used_mb: 400 * i + seq % 1000, power_watts: 100 + (5 * i + seq) % 500,
    temperature_celsius: 40 + (i + seq) % 40 })) });

export const budget = {
  async budget(browser) {
    const seen = await open(browser, { width: 1920, height: 1080 });
    const { page } = seen;
    let socket = null;
    await page.routeWebSocket(/\/stream/, (ws) => { socket = ws; });
    const client = await seen.context.newCDPSession(page);
    await page.goto(`${config.url}/?w=15m`);
    const began = Date.now() - 3600_000 * HOURS;
    while (socket === null) await new Promise((done) => setTimeout(done, 50));
    const heap = async () => {
      await client.send('HeapProfiler.collectGarbage');
      return (await client.send('Runtime.getHeapUsage')).usedSize / 2 ** 20;
    };
    const frame = () => page.evaluate(() => new Promise((done) =>
      requestAnimationFrame(() => requestAnimationFrame(done))));
    const total = 3600 * HOURS;
    let first = 0;
    let last = 0;
    for (let seq = 1; seq <= total; ++seq) {
      socket.send(message(seq, began + 1000 * seq));
      if (seq % BATCH === 0) await frame();
      if (seq === 3600) first = await heap(); // the ring is full
    }
    last = await heap();
    // One by one, as in life: what a message costs with everything full.
    for (let i = 1; i <= 100; ++i) {
      socket.send(message(total + i, began + 1000 * (total + i)));
      await frame();
    }
    await page.locator('.rail').getByText('System').click();
    const text = await page.locator('.list div', { hasText: 'This page, a tick' }).locator('dd')
      .textContent();
    console.log(`${DEVICES} devices, ${HOURS} h: heap ${first.toFixed(1)} MiB after 1 h, ` +
      `${last.toFixed(1)} MiB in the end; a tick: ${text}`);
    assert.ok(last <= HEAP_MB, `${last} MiB`);
    assert.ok(last - first <= GROWTH_MB, `it has grown by ${last - first} MiB`);
    const [, p95] = /p95 ([\d.]+) ms/.exec(text);
    assert.ok(Number(p95) <= TICK_MS, text);
    assert.deepEqual(seen.wrong, []);
  },
};
