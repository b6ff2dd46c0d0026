// SPDX-License-Identifier: Apache-2.0
// The pictures of README.md and docs/dashboard.md: node pictures.mjs URL FOLDER, of a demo server
// that has run for some minutes, with what journeys.mjs needs in the environment.
import { launch, live, open } from './kit.mjs';

const [url, folder] = process.argv.slice(2);
const WATCHED_SECONDS = 62; // as long as the time that is shown

const browser = await launch();
const overview = await open(browser, { width: 1280, height: 800 });
await overview.page.goto(`${url}/?w=1m`);
await live(overview.page);
const began = Date.now();

const kernels = await open(browser, { width: 1200, height: 640, theme: 'light' });
await kernels.page.goto(`${url}/kernels`);
await kernels.page.locator('.rows .row').nth(2).click();
await kernels.page.locator('.histogram rect').first().waitFor();
await kernels.page.locator('.big-spark path:not([d=""])').waitFor();
await kernels.page.mouse.move(0, 0);
await kernels.page.screenshot({ path: `${folder}/kernels.png` });

await overview.page.waitForFunction(([since, seconds]) => Date.now() - since > 1000 * seconds,
  [began, WATCHED_SECONDS], { timeout: 2000 * WATCHED_SECONDS, polling: 500 });
await overview.page.screenshot({ path: `${folder}/overview.png` });
await browser.close();
