// SPDX-License-Identifier: Apache-2.0
// Chromium by playwright-core, which package-lock.json of web/ names: what the journeys and the
// pictures share. Nothing here waits for a fixed time.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const modules = createRequire(`${process.env.GPUVIGIL_WEB_TREE}/web/package.json`);
const { chromium } = modules('playwright-core');

export const PATIENCE_MS = 30_000;

export async function launch() {
  return chromium.launch({
    executablePath: process.env.GPUVIGIL_CHROMIUM, headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** A page that fails at the first request to elsewhere, error, or breach of its policy. */
export async function open(browser, { width = 1280, height = 800, theme = 'dark', touch = false,
  clock } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme,
    hasTouch: touch, bypassCSP: false, reducedMotion: 'reduce', timezoneId: 'UTC' });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const wrong = [];
  const hosts = new Set();
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.protocol !== 'blob:') hosts.add(url.host);
  });
  page.on('websocket', (socket) => hosts.add(new URL(socket.url()).host));
  page.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => {
    wrong.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.addInitScript(() => {
    globalThis.breaches = [];
    document.addEventListener('securitypolicyviolation', (event) =>
      globalThis.breaches.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  if (clock) await page.clock.install(clock);
  const breaches = () => page.evaluate(() => globalThis.breaches);
  return { page, context, wrong, hosts, breaches };
}

/** Waits until the stream has come and something is drawn. */
export async function live(page) {
  await page.locator('.pill[data-state="live"]').waitFor();
}

/** What axe-core finds on a page. The policy of the page forbids scripts of others, so axe gets in
 * by the debugger. */
export async function audit(page) {
  await page.evaluate(modules('axe-core').source);
  return page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return violations.map((one) => `${one.id}: ${one.help}: ` + one.nodes.slice(0, 3)
      .map((node) => `${node.target} ${node.failureSummary ?? ''}`).join(' | '));
  });
}

export const config = JSON.parse(process.env.GPUVIGIL_CONFIG ?? '{}');
let answers = null;

/** Asks the caller to do something to the server, and waits until it has. */
export async function please(word) {
  answers ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  console.log(`please ${word}`);
  return (await answers.next()).value;
}

export const rows = (page) => page.locator('.rows .row');
export const query = (page, name) => new URL(page.url()).searchParams.get(name);

/** Opens a page of the server and looks at what came of it. */
export async function visit(browser, path, options) {
  const seen = await open(browser, options);
  await seen.page.goto(config.url + path);
  return seen;
}

/** Nothing went wrong on a page, and it asked nobody else. */
export async function clean({ page, wrong, hosts, breaches }) {
  assert.deepEqual(wrong, []);
  assert.deepEqual(await breaches(), []);
  assert.deepEqual([...hosts], [new URL(config.url).host]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `the page is ${wide} px too wide`);
}

/** How many pixels of a canvas are of other colours than the most common one. */
export const painted = (locator) => locator.evaluate((canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const counts = new Map();
  for (const pixel of new Uint32Array(data.buffer)) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  return canvas.width * canvas.height - Math.max(...counts.values());
});

/** What a press on something saves: its name and its bytes. */
export async function saved(page, press) {
  const [download] = await Promise.all([page.waitForEvent('download'), press()]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

/** What the menu of a chart saves. */
export const fromMenu = (page, title, action) => saved(page, async () => {
  await page.getByLabel(`${title}: save or share`).click();
  await page.getByRole('button', { name: action }).click();
});

/** A chart's values: the moments in seconds, and a line of numbers or null for each device. */
export async function chartValues(page, title) {
  const { bytes } = await fromMenu(page, title, 'Save as CSV');
  const [, ...lines] = bytes.toString().trim().split('\r\n').map((line) => line.split(','));
  return lines.map(([time, ...values]) => ({ at: Date.parse(time) / 1000,
    values: values.map((value) => (value === '' ? null : Number(value))) }));
}

/** Asks until `check` gives something true, and gives it back. */
export async function until(check, what) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await check();
    if (found) return found;
    assert.ok(Date.now() < end, `waited in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}
