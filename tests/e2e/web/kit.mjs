// SPDX-License-Identifier: Apache-2.0
// Chromium by playwright-core, which package-lock.json of web/ names: what the journeys and the
// pictures share. Nothing here waits for a fixed time.
import { createRequire } from 'node:module';

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
