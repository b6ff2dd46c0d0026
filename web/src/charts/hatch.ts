// SPDX-License-Identifier: Apache-2.0
// What nobody saw is hatched: neither a value nor nothing.

const SIZE = 6;
const made = new Map<string, CanvasPattern>();

/** A pattern of thin diagonal lines of a colour. */
export function hatch(context: CanvasRenderingContext2D, color: string): CanvasPattern | string {
  const known = made.get(color);
  if (known !== undefined) return known;
  const tile = document.createElement('canvas');
  tile.width = tile.height = SIZE;
  const pen = tile.getContext('2d');
  if (pen === null) return color;
  pen.strokeStyle = color;
  pen.lineWidth = 1;
  pen.beginPath();
  for (const shift of [-SIZE, 0, SIZE]) {
    pen.moveTo(shift - 1, SIZE + 1);
    pen.lineTo(shift + SIZE + 1, -1);
  }
  pen.stroke();
  const pattern = context.createPattern(tile, 'repeat');
  if (pattern === null) return color;
  made.set(color, pattern);
  return pattern;
}
