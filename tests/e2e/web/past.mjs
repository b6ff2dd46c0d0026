// SPDX-License-Identifier: Apache-2.0
// Journeys into what was: history behind the live picture, gaps, ranges, addresses that ask for too much.
import assert from 'node:assert/strict';
import { chartValues, clean, config, fromMenu, live, please, query, until, visit } from './kit.mjs';

const told = (values) => values.filter((one) => one.values.some((value) => value !== null));
/** The longest time between two moments that tell something, among those since a moment. */
const longestGap = (values, since = 0) => {
  const times = told(values).map((one) => one.at).filter((at) => at >= since);
  return Math.max(0, ...times.slice(1).map((at, i) => at - times[i]));
};

export const past = {
  async past(browser) {
    const seen = await visit(browser, '/');
    const { page } = seen;
    await live(page);
    // What the server did before this page was opened is there, too.
    const first = await until(async () => {
      const values = told(await chartValues(page, 'Utilization'));
      return values.length >= 6 ? values : null;
    }, 'what was before the page');
    assert.ok(first[0].at < (await page.evaluate(() => performance.timeOrigin)) / 1000 - 2,
      'it begins with the page');
    assert.equal(first[0].values.length, 4);

    // The link breaks, the server goes on: what was missed comes from history.
    await please('cut');
    await page.locator('.pill[data-state="offline"]').waitFor();
    const cutAt = told(await chartValues(page, 'Power')).at(-1).at;
    await please('wait');
    await please('mend');
    await live(page);
    await until(async () => {
      const values = told(await chartValues(page, 'Power'));
      return values.at(-1).at > cutAt + 3 && longestGap(values, cutAt) < 1.75;
    }, 'the gap to be filled');

    // The server stops: nobody knows that time, and no line is drawn over it.
    await please('stop');
    await page.locator('.pill[data-state="offline"]').waitFor();
    await please('start');
    await live(page);
    const values = await until(async () => {
      const found = await chartValues(page, 'Power');
      return longestGap(found, cutAt) > 3 ? found : null;
    }, 'the gap to be seen');
    assert.ok(values.some((one) => one.values.every((value) => value === null)), 'a line crosses it');
    assert.ok(told(values)[0].at <= first[0].at + 1, 'what was before the restart is lost');

    // The same on a page that has seen none of it, by a link.
    await page.goto(`${config.url}/devices/0`);
    await live(page);
    await page.getByText('of what history covers').waitFor();
    const gone = await until(async () => {
      const found = await chartValues(page, 'Temperature');
      return told(found).length > 3 && longestGap(found) > 3;
    }, 'the gap on another page');
    assert.ok(gone);
    const picture = await fromMenu(page, 'Temperature', 'Save as PNG');
    assert.equal(picture.name, 'gpuvigil-temperature.png');
    assert.equal(picture.bytes.subarray(1, 4).toString(), 'PNG');
    await page.getByLabel('Temperature: save or share').click();
    await page.getByRole('button', { name: 'Show as a table' }).click();
    await page.getByRole('dialog').getByRole('columnheader', { name: 'GPU 0' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.deepEqual(seen.wrong, []);
    assert.deepEqual(await seen.breaches(), []);
  },

  async ranges(browser) {
    const seen = await visit(browser, '/?from=2001-02-03T04:05:06Z&to=2001-02-03T04:06:06Z');
    const { page } = seen;
    const notice = page.locator('.banner.notice');
    await notice.getByText('Nothing is known of this time').waitFor();
    await notice.getByText(/History (begins on|has only just begun)/).waitFor();
    await notice.getByRole('button', { name: 'Show the first that is known' }).click();
    await notice.waitFor({ state: 'detached' });
    assert.ok(Date.parse(query(page, 'from')) > Date.parse('2020-01-01'));
    // By keys, without a drag.
    await page.getByLabel('Choose a range', { exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('textbox', { name: 'From' }).fill('2001-02-03T04:05:06');
    await page.getByRole('textbox', { name: 'To' }).fill('2001-02-03T04:05:05');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await page.getByText('It must begin before it ends').waitFor();
    await page.getByRole('textbox', { name: 'To' }).fill('2001-02-03T05:05:06');
    await page.keyboard.press('Enter');
    await page.getByText('Range of 1 h 0 min').waitFor();
    await notice.getByText('Nothing is known of this time').waitFor();
    await page.getByLabel('Choose a range', { exact: true }).click();
    await page.getByRole('button', { name: 'Later' }).click();
    await page.waitForFunction(() => new URL(location.href).searchParams.get('from')
      .startsWith('2001-02-03T05:05:06'));
    await page.keyboard.press('Escape'); // it stays open for the next step
    await notice.getByRole('button', { name: 'Go live' }).click();
    await notice.waitFor({ state: 'detached' });
    await live(page);

    for (const [address, text, way] of [
      ['/?from=x&to=2001-02-03T04:05:06Z', 'is no time', 'Show everything, live'],
      ['/kernels?w=century', 'is no span of time', 'Show everything, live'],
      ['/?from=2001-02-03T04:05:06Z&to=2001-02-03T04:05:06Z', 'ends before', 'Show everything, live'],
      ['/devices?device=99', 'There is no GPU 99', 'Show all devices'],
      ['/?from=2101-01-01T00:00:00Z&to=2101-01-02T00:00:00Z', 'This time begins in', 'Go live'],
    ]) {
      await page.goto(config.url + address);
      await notice.getByText(text).waitFor();
      await notice.getByRole('button', { name: way }).click();
      await notice.waitFor({ state: 'detached' });
      assert.equal(new URL(page.url()).search, '');
    }
    await clean(seen);
  },

  async forgetful(browser) {
    const seen = await visit(browser, '/?from=2001-02-03T04:05:06Z&to=2001-02-03T04:06:06Z');
    await seen.page.getByText('This server keeps no history').waitFor();
    await seen.page.getByRole('button', { name: 'Go live' }).first().click();
    await live(seen.page);
    await clean(seen);
  },
};
