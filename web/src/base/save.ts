// SPDX-License-Identifier: Apache-2.0
// What is on the page as files: tables as CSV, charts as PNG.
import { canvasColors } from './theme';

export type Cell = string | number | null;

/** A spreadsheet runs what begins with one of these. */
const FORMULA = /^[=+\-@\t\r]/;

/** One field: a text is quoted where it must be, and is never a formula. */
export function csvField(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return Number.isFinite(cell) ? String(cell) : '';
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return /[",\r\n']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows as RFC 4180 has them; the first is the head. */
export const toCsv = (rows: readonly (readonly Cell[])[]): string =>
  rows.map((row) => `${row.map(csvField).join(',')}\r\n`).join('');

const fileName = (name: string, end: string): string =>
  `gpuvigil-${name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 60)}.${end}`;

function download(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // it may still be read from
}

export const saveCsv = (name: string, rows: readonly (readonly Cell[])[]): void =>
  download(new Blob([toCsv(rows)], { type: 'text/csv;charset=utf-8' }), fileName(name, 'csv'));

export const saveText = (name: string, end: string, text: string): void =>
  download(new Blob([text], { type: 'application/json' }), fileName(name, end));

const HEAD = 30;
const EDGE = 12;

/** A canvas as a picture of its own: with the ground of the page, what it is and when it was. */
export function savePng(title: string, note: string, canvas: HTMLCanvasElement): void {
  const ratio = devicePixelRatio || 1;
  const made = document.createElement('canvas');
  made.width = canvas.width + 2 * EDGE * ratio;
  made.height = canvas.height + (HEAD + EDGE) * ratio;
  const pen = made.getContext('2d');
  if (pen === null) return;
  const colors = canvasColors();
  pen.fillStyle = colors.surface;
  pen.fillRect(0, 0, made.width, made.height);
  pen.fillStyle = colors.text;
  pen.font = `600 ${13 * ratio}px Inter, sans-serif`;
  pen.fillText(title, EDGE * ratio, 20 * ratio);
  const width = pen.measureText(title).width;
  pen.fillStyle = colors.soft;
  pen.font = `${11 * ratio}px Inter, sans-serif`;
  pen.fillText(note, EDGE * ratio + width + 10 * ratio, 20 * ratio);
  pen.drawImage(canvas, EDGE * ratio, HEAD * ratio);
  made.toBlob((blob) => {
    if (blob !== null) download(blob, fileName(title, 'png'));
  }, 'image/png');
}
