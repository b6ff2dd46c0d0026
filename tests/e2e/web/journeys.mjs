// SPDX-License-Identifier: Apache-2.0
// What people do with the dashboard: node journeys.mjs NAME, configured by GPUVIGIL_CONFIG. A line
// "please WORD" asks the caller to do something to the server; it answers with a line.
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { audit, launch, live, open } from './kit.mjs';

const config = JSON.parse(process.env.GPUVIGIL_CONFIG);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function please(word) {
  console.log(`please ${word}`);
  await answers.next();
}

const PAGES = ['/', '/kernels', '/devices', '/devices/0', '/processes', '/alerts', '/system'];
const rows = (page) => page.locator('.rows .row');
const query = (page, name) => new URL(page.url()).searchParams.get(name);

/** Opens a page of the server and looks at what came of it. */
async function visit(browser, path, options) {
  const seen = await open(browser, options);
  await seen.page.goto(config.url + path);
  return seen;
}

/** Nothing went wrong on a page, and it asked nobody else. */
async function clean({ page, wrong, hosts, breaches }) {
  assert.deepEqual(wrong, []);
  assert.deepEqual(await breaches(), []);
  assert.deepEqual([...hosts], [new URL(config.url).host]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `the page is ${wide} px too wide`);
}

/** How many pixels of a canvas are of other colours than the most common one. */
const painted = (locator) => locator.evaluate((canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const counts = new Map();
  for (const pixel of new Uint32Array(data.buffer)) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  return canvas.width * canvas.height - Math.max(...counts.values());
});

const journeys = {
  async overview(browser) {
    const paints = [];
    for (let i = 0; i < 3; ++i) {
      const seen = await visit(browser, '/');
      await seen.page.locator('.figure').first().waitFor();
      paints.push(await seen.page.evaluate(() =>
        performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity));
      await seen.context.close();
    }
    console.log(`first paint after ${paints.map((ms) => ms.toFixed(0)).join(', ')} ms`);
    if (!config.sanitized) assert.ok(Math.min(...paints) <= 1000, 'the first paint is late');
    const seen = await visit(browser, '/');
    const { page } = seen;
    await live(page);
    await page.getByText('None of these GPUs exists').waitFor();
    assert.equal(await page.locator('.heat-rows li').count(), 4);
    assert.equal(await page.locator('.plot canvas').count(), 4);
    await page.waitForFunction(() => /\d+(\.\d)? %/.test(
      document.querySelector('.chart .readout b').textContent));
    assert.ok(await painted(page.locator('.heat-body canvas')) > 50, 'the heat map is empty');
    await page.locator('.ranking li').nth(7).waitFor();
    await page.getByRole('button', { name: 'Temperature' }).click();
    assert.equal(query(page, 'heat'), 'temperature');
    await clean(seen);
  },

  async kernels(browser) {
    const seen = await visit(browser, '/kernels');
    const { page } = seen;
    await rows(page).first().waitFor();
    const shares = await page.locator('.rows .row .c-share').allTextContents();
    const numbers = shares.map((text) => Number.parseFloat(text));
    assert.deepEqual(numbers, [...numbers].sort((a, b) => b - a), 'most time first');
    await page.getByPlaceholder('Name, or a glob').fill('NCCL');
    await page.waitForFunction(() => document.querySelectorAll('.rows .row').length === 1);
    assert.equal(query(page, 'q'), 'NCCL');
    await rows(page).first().click();
    await page.locator('.histogram rect').first().waitFor();
    assert.match(query(page, 'k'), /^[0-9a-f]{16}$/);
    for (const word of ['p50', 'p95', 'p99', 'By device', 'Launch shapes', 'By process']) {
      await page.locator('.drawer').getByText(word, { exact: false }).first().waitFor();
    }
    // Who gets the address sees the same.
    const other = await open(browser);
    await other.page.goto(page.url());
    await other.page.locator('.histogram rect').first().waitFor();
    assert.equal(await rows(other.page).count(), 1);
    await other.context.close();
    await page.keyboard.press('Escape');
    await page.locator('.drawer').waitFor({ state: 'detached' });
    assert.equal(query(page, 'k'), null);
    await page.getByPlaceholder('Name, or a glob').fill('no such kernel');
    await page.getByRole('button', { name: 'Show all kernels' }).click();
    await rows(page).nth(10).waitFor();
    await page.getByRole('button', { name: 'p99' }).click();
    assert.equal(query(page, 'sort'), 'p99_time');
    await page.locator('[aria-sort="descending"]', { hasText: 'p99' }).waitFor();
    await page.getByRole('button', { name: 'p99' }).click();
    assert.equal(query(page, 'order'), 'asc');
    await page.selectOption('select >> nth=0', 'memcpy');
    await page.waitForFunction(() => [...document.querySelectorAll('.rows .row')]
      .every((row) => /memcpy/i.test(row.textContent)));
    await clean(seen);
  },

  async keyboard(browser) {
    const seen = await visit(browser, '/');
    const { page } = seen;
    await live(page);
    for (const [key, path] of [['d', '/devices'], ['p', '/processes'], ['a', '/alerts'],
      ['s', '/system'], ['o', '/'], ['k', '/kernels']]) {
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      await page.waitForURL((url) => url.pathname === path);
    }
    await rows(page).nth(5).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.locator('.rows .row[data-active]').nth(0).waitFor();
    const name = await page.locator('.rows .row[data-active] .kernel-name').getAttribute('title');
    await page.keyboard.press('Enter');
    await page.locator('.drawer .full-name').waitFor();
    assert.ok(name.startsWith((await page.locator('.full-name').textContent()).slice(0, 40)));
    const first = query(page, 'k');
    await page.keyboard.press(']');
    await page.waitForFunction((k) => new URL(location.href).searchParams.get('k') !== k, first);
    await page.keyboard.press('[');
    await page.waitForFunction((k) => new URL(location.href).searchParams.get('k') === k, first);
    await page.keyboard.press('Escape');
    await page.locator('.drawer').waitFor({ state: 'detached' });
    await page.keyboard.press('?');
    await page.getByRole('dialog').getByText('Pause, and go on').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    const theme = await page.evaluate(() => document.documentElement.dataset.theme);
    await page.keyboard.press('t');
    assert.notEqual(await page.evaluate(() => document.documentElement.dataset.theme), theme);
    await page.keyboard.press('/');
    await page.waitForFunction(() => document.activeElement?.id === 'search');
    await page.keyboard.type('gemm?'); // keys are text in a field
    assert.equal(await page.getByRole('dialog').count(), 0);
    await page.keyboard.press('Tab');
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('Shift+Digit2');
    await page.waitForFunction(() => new URL(location.href).searchParams.get('device') === '1');
    await page.getByText('1 of 4 GPUs').waitFor();
    await page.keyboard.press('0');
    await page.getByText('All 4 GPUs').waitFor();
    await page.keyboard.press('Space');
    await page.waitForFunction(() => new URL(location.href).searchParams.get('at') !== null);
    await page.keyboard.press('Space');
    await page.waitForFunction(() => new URL(location.href).searchParams.get('at') === null);
    await clean(seen);
  },

  async time(browser) {
    const seen = await visit(browser, '/?w=1m');
    const { page } = seen;
    await live(page);
    await page.waitForFunction(() => document.querySelectorAll('.ranking li').length === 8);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText(/Paused, \d+ s behind/).waitFor();
    const canvas = page.locator('.heat-body canvas');
    const before = await canvas.evaluate((c) => c.toDataURL());
    await page.getByText(/Paused, [3-9] s behind/).waitFor();
    assert.equal(await canvas.evaluate((c) => c.toDataURL()), before, 'what is paused moved');
    assert.ok(query(page, 'at'));
    await page.getByRole('button', { name: 'Go live' }).click();
    await page.waitForFunction((data) =>
      document.querySelector('.heat-body canvas').toDataURL() !== data, before);
    // A drag over a chart is a range of all of them.
    const plot = page.locator('.plot .u-over').first();
    const box = await plot.boundingBox();
    await page.mouse.move(box.x + box.width * 0.7, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.98, box.y + 50, { steps: 5 });
    await page.mouse.up();
    await page.getByText(/Range of 1[5-9] s/).waitFor();
    assert.ok(Date.parse(query(page, 'from')) < Date.parse(query(page, 'to')));
    await page.goBack();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    // The same by keys.
    await page.locator('.plot').first().focus();
    // From the newest: where the pointer has left the cursor there may be nothing to its left.
    for (let i = 0; i < 9; ++i) await page.keyboard.press('Control+ArrowRight');
    for (let i = 0; i < 4; ++i) await page.keyboard.press('Shift+ArrowLeft');
    await page.keyboard.press('Enter');
    await page.getByText(/Range of \d+ s/).waitFor();
    await page.getByRole('button', { name: 'Leave the range' }).click();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    await clean(seen);
  },

  async devices(browser) {
    const seen = await visit(browser, '/devices');
    const { page } = seen;
    await page.getByRole('row').nth(4).waitFor();
    await page.getByRole('button', { name: 'Temp.' }).click();
    assert.equal(query(page, 'sort'), 'temperature');
    await page.getByRole('link', { name: '2 gpuvigil demo GPU' }).click();
    await page.getByRole('heading', { name: 'GPU 2' }).waitFor();
    assert.equal(new URL(page.url()).pathname, '/devices/2');
    await page.getByText('are not known, and why').click();
    await page.getByText('not sampled yet').first().waitFor();
    await page.goto(`${config.url}/devices/99`);
    await page.getByText('knows no GPU').waitFor();
    await page.goto(`${config.url}/processes`);
    await page.getByText('does not say which').waitFor();
    await clean(seen);
  },

  async hostile(browser) {
    const seen = await visit(browser, '/kernels?time=all&kind=all');
    const { page } = seen;
    await rows(page).nth(20).waitFor();
    for (let i = 0; i < config.names; ++i) {
      await page.evaluate((top) => { document.querySelector('.rows').scrollTop = top; }, i * 32);
      const row = page.locator(`.row[aria-rowindex="${i + 2}"] .c-name .kernel-name`);
      await row.click();
      await page.waitForFunction((n) => document.querySelector('.row[data-chosen]')
        ?.getAttribute('aria-rowindex') === n, String(i + 2));
      await page.locator('.drawer .full-name').waitFor();
    }
    const foreign = () => page.evaluate(() => document.querySelectorAll(
      'iframe, base, math, details[ontoggle], [onerror], [onload], [onfocus], script:not([src]), ' +
      'a[href^="javascript"], link[href*="evil"], img').length);
    assert.equal(await foreign(), 0);
    for (const path of PAGES) {
      await page.goto(config.url + path);
      await live(page);
      assert.equal(await foreign(), 0);
    }
    assert.equal(await page.locator('.ranking li').count(), 0); // the last page is another
    await page.goto(`${config.url}/kernels?q=${encodeURIComponent('<img src=x onerror=alert(1)>')}`);
    await live(page);
    await page.goto(`${config.url}/?heat=<script>&w=__proto__&device=1,x,-1&from=x&at=nonsense`);
    await live(page);
    assert.equal(await foreign(), 0);
    await clean(seen);
  },

  async reconnect(browser) {
    const seen = await visit(browser, '/');
    const { page } = seen;
    await live(page);
    await page.locator('.ranking li').first().waitFor();
    await please('stop');
    await page.locator('.pill[data-state="offline"]').waitFor();
    await page.getByText('The server does not answer').first().waitFor();
    assert.ok(await page.locator('.ranking li').count() > 0, 'what was known has gone');
    await please('start');
    await live(page);
    await page.getByText('What is shown is').waitFor({ state: 'detached' });
    assert.deepEqual(await seen.breaches(), []);
    assert.deepEqual([...seen.hosts], [new URL(config.url).host]);
  },

  async login(browser) {
    const seen = await visit(browser, '/kernels?q=gemm');
    const { page } = seen;
    await page.waitForURL(/\/login\?next=/);
    await page.getByLabel('Token').fill('wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('unknown or has expired').waitFor();
    await page.getByLabel('Token').fill(config.token);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.waitForURL(/\/kernels\?q=gemm/);
    await live(page);
    await rows(page).nth(2).waitFor();
    await page.goto(`${config.url}/system`);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.waitForURL(/\/login$/);
    await page.goto(`${config.url}/login?next=//evil.example/#token=${config.token}`);
    await page.waitForURL(`${config.url}/`); // nowhere else, and the token is not in the address
    await live(page);
    await clean(seen);
  },

  async empty(browser) {
    const seen = await visit(browser, '/');
    const { page } = seen;
    await live(page);
    await page.getByText('gpuvigil serve --demo').waitFor();
    for (const [path, command] of [['/kernels', 'gpuvigil run -- python train.py'],
      ['/devices', 'gpuvigil doctor'], ['/processes', 'gpuvigil run -- python train.py']]) {
      await page.goto(config.url + path);
      await page.getByText(command).waitFor();
    }
    assert.equal(await page.getByText('DEMO').count(), 0);
    await clean(seen);
  },

  async replay(browser) {
    const seen = await visit(browser, '/');
    const { page } = seen;
    await live(page);
    await page.getByText('A recording: utilization is').waitFor();
    await page.locator('.ranking li').first().waitFor();
    await page.locator('.figure', { hasText: 'Power' }).locator('.missing[title^="not known: "]')
      .waitFor();
    await page.goto(`${config.url}/kernels?time=all`);
    await rows(page).first().click();
    await page.locator('.histogram rect').first().waitFor();
    await clean(seen);
  },

  async many(browser) {
    const seen = await visit(browser, '/', { width: 1920, height: 1080 });
    const { page } = seen;
    await live(page);
    await page.locator('.heat-rows li').nth(config.devices - 1).waitFor();
    await page.getByText('median', { exact: false }).first().waitFor(); // a band, not 64 lines
    const client = await seen.context.newCDPSession(page);
    await client.send('Performance.enable');
    const spent = async () => {
      const { metrics } = await client.send('Performance.getMetrics');
      return Object.fromEntries(metrics.map((one) => [one.name, one.value]));
    };
    const ticks = async (count) => {
      for (let i = 0; i < count; ++i) {
        const was = await page.locator('.figure .big').nth(1).textContent();
        await page.waitForFunction((text) =>
          document.querySelectorAll('.figure .big')[1].textContent !== text, was);
      }
    };
    await ticks(3);
    const before = await spent();
    await ticks(10);
    const after = await spent();
    const seconds = after.Timestamp - before.Timestamp;
    const script = (1000 * (after.ScriptDuration - before.ScriptDuration)) / seconds;
    const task = (1000 * (after.TaskDuration - before.TaskDuration)) / seconds;
    await page.getByRole('link', { name: 'System' }).click();
    const text = await page.locator('.list div', { hasText: 'This page, a tick' }).locator('dd')
      .textContent();
    console.log(`a tick of ${config.devices} devices: ${text}; main thread a second: ` +
      `${script.toFixed(1)} ms of script, ${task.toFixed(1)} ms in all`);
    assert.ok(Number.parseFloat(text) <= 12, text);
    await clean(seen);
  },

  async audit(browser) {
    let audits = 0;
    for (const theme of ['dark', 'light']) {
      for (const width of [360, 1280, 2560]) {
        const seen = await visit(browser, '/', { width, height: width > 2000 ? 1440 : 800, theme });
        for (const path of [...PAGES, '/kernels?drawer', '/login']) {
          await seen.page.goto(config.url + path.replace('?drawer', ''));
          if (path !== '/login') await live(seen.page);
          if (path.startsWith('/kernels')) await rows(seen.page).first().waitFor();
          if (path.endsWith('?drawer')) {
            await rows(seen.page).first().click();
            await seen.page.locator('.histogram rect').first().waitFor();
          }
          const found = await audit(seen.page);
          assert.deepEqual(found, [], `${path} at ${width} px, ${theme}`);
          audits += 1;
          await clean(seen);
        }
        await seen.context.close();
      }
    }
    console.log(`axe-core found nothing in ${audits} audits`);
  },
};

const browser = await launch();
try {
  await journeys[process.argv[2]](browser);
} finally {
  await browser.close();
}
process.exit(0);
