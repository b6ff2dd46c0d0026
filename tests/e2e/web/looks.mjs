// SPDX-License-Identifier: Apache-2.0
// Pictures of every page and state: node looks.mjs FOLDER, of the servers in GPUVIGIL_CONFIG. What
// moves by itself (times, what the server costs, lines over time) is masked; all else is fixed.
import { launch, live, open, rows, config } from './kit.mjs';

const [folder] = process.argv.slice(2);
const QUALITY = 45;
const TRACE = JSON.stringify({ traceEvents: Array.from({ length: 400 }, (_, i) => ({ ph: 'X', pid: 0,
  tid: 7 + i % 2, cat: 'kernel', name: `kernel_${i % 7}<float>`, ts: 1e6 + 50 * i, dur: 20 + 7 * (i % 5) })) });

/** What differs from run to run, on any page. */
const MOVING = ['time', '.foot', '.plot', '.heat-body canvas', '.readout', '.spark', '.big-spark',
  '.alerts small', '.events', '.c-spark', '.w6', '.histogram + .soft', 'h3 .soft', '.compare td',
  '.banner.notice'];
const COSTS = ['.big', '.figure .soft', 'dd', 'td', '.columns .soft', 'header .soft', '.mark'];

const opened = async (page) => {
  await rows(page).first().click();
  await page.locator('.histogram rect').first().waitFor();
  await page.locator('.compare tbody').waitFor();
};

/** Name, address, what to do there before the picture, what moves beside the rest. */
const LOOKS = [
  ['overview', '/', (page) => page.locator('.ranking li').nth(4).waitFor()],
  ['devices', '/devices', (page) => page.locator('.cards tbody tr').nth(3).waitFor()],
  ['device', '/devices/0', (page) => page.getByText('of what history covers').waitFor(), ['.small td', '.facts dd']],
  ['no-device', '/devices/99', (page) => page.getByText('knows no GPU').waitFor()],
  ['kernels', '/kernels?time=all', (page) => rows(page).nth(4).waitFor()],
  ['kernel', '/kernels?time=all', opened],
  ['nothing', '/kernels?time=all&q=nothing', (page) => page.getByText('Nothing matches').waitFor()],
  ['processes', '/processes', (page) => page.locator('.empty').waitFor()],
  ['alerts', '/alerts', (page) => page.locator('.alerts li').first().waitFor()],
  ['explore', '/explore?m=power,temperature', (page) => page.locator('.explored .plot').nth(1).waitFor()],
  ['timeline-empty', '/timeline', (page) => page.getByText('Nothing is traced yet').waitFor()],
  ['timeline', '/timeline', async (page) => {
    await page.setInputFiles('input[type=file]',
      { name: 't.json', mimeType: 'application/json', buffer: Buffer.from(TRACE) });
    await page.locator('.in-view tbody tr').nth(6).waitFor();
  }],
  ['system', '/system', (page) => page.getByRole('heading', { name: 'Requests' }).waitFor(), COSTS],
  ['palette', '/processes', async (page) => {
    await page.keyboard.press('Control+k');
    await page.keyboard.type('gpu');
    await page.locator('.palette li').nth(3).waitFor();
  }],
  ['keys', '/processes', async (page) => {
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
  }],
  ['lost-time', '/?from=2001-02-03T04:05:06Z&to=2001-02-03T04:06:06Z', (page) =>
    page.getByText('Nothing is known of this time').waitFor()],
  ['login', '/login', null],
  ['empty', '/', (page) => page.getByText('gpuvigil serve --demo').waitFor(), ['.empty p']],
];
const SHAPES = [['dark', 1280, 800], ['light', 1280, 800], ['dark', 360, 740]];

const browser = await launch();
for (const [theme, width, height] of SHAPES) {
  const seen = await open(browser, { theme, width, height });
  const { page } = seen;
  for (const [name, path, act, more] of LOOKS) {
    if (name === 'lost-time' && width < 600) continue; // how long its words are depends on the time
    await page.goto((name === 'empty' ? config.empty : config.url) + path);
    if (path !== '/login') await live(page);
    await page.waitForFunction(() => document.querySelector('.skeleton') === null);
    if (act !== null) await act(page);
    await page.evaluate(() => document.fonts.ready);
    await page.mouse.move(0, 0);
    await page.screenshot({ path: `${folder}/${name}-${theme}-${width}.jpeg`, type: 'jpeg',
      quality: QUALITY, animations: 'disabled', caret: 'hide', scale: 'css', maskColor: '#808080',
      mask: [...MOVING, ...more ?? []].map((one) => page.locator(one)) });
  }
  await seen.context.close();
}
await browser.close();
