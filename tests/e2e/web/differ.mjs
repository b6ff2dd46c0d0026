// SPDX-License-Identifier: Apache-2.0
// How much pictures differ: node differ.mjs KEPT SEEN. Prints a line a picture: its name and the share of
// pixels that are another colour, or why there is none. The browser decodes them.
import { readdir, readFile } from 'node:fs/promises';
import { launch } from './kit.mjs';

const [kept, seen] = process.argv.slice(2);
const FAR = 60; // of a channel: what JPEG and smoothing move is less

const browser = await launch();
const page = await (await browser.newContext()).newPage();
const url = async (folder, name) =>
  `data:image/jpeg;base64,${(await readFile(`${folder}/${name}`)).toString('base64')}`;
const names = new Set([...await readdir(kept), ...await readdir(seen)].filter((n) => n.endsWith('.jpeg')));
for (const name of [...names].sort()) {
  let said;
  try {
    said = await page.evaluate(async ([one, other, far]) => {
      const pixels = async (address) => {
        const image = new Image();
        image.src = address;
        await image.decode();
        const canvas = new OffscreenCanvas(image.width, image.height);
        const pen = canvas.getContext('2d');
        pen.drawImage(image, 0, 0);
        return pen.getImageData(0, 0, image.width, image.height);
      };
      const [a, b] = [await pixels(one), await pixels(other)];
      if (a.width !== b.width || a.height !== b.height) return 'another size';
      let other_ = 0;
      for (let i = 0; i < a.data.length; i += 4) {
        const by = Math.max(Math.abs(a.data[i] - b.data[i]), Math.abs(a.data[i + 1] - b.data[i + 1]),
          Math.abs(a.data[i + 2] - b.data[i + 2]));
        if (by > far) other_ += 1;
      }
      return String(other_ / (a.width * a.height));
    }, [await url(kept, name), await url(seen, name), FAR]);
  } catch (error) {
    said = `missing: ${error.code ?? error.message}`;
  }
  console.log(`${name}\t${said}`);
}
await browser.close();
