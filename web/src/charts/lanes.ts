// SPDX-License-Identifier: Apache-2.0
// Draws a trace: a row a lane, a bar an execution. What is thinner than a pixel is drawn as one.
import { firstAfter, type Span, type TraceView } from '../base/trace';
import { canvasColors, seriesColors } from '../base/theme';
import { duration } from '../base/format';
import { middle } from '../parts/kernel_name';

export const LANE = 30;
export const HEAD = 22;
const BAR = 22;
const TEXT_FROM = 46; // pixels of a bar that has room for a name
const TICK = 110;

export interface Shown {
  trace: TraceView;
  from: number;
  to: number;
  chosen: Span | null;
}

function hash(text: string): number {
  let value = 2166136261;
  for (let i = 0; i < text.length; ++i) value = Math.imul(value ^ text.charCodeAt(i), 16777619);
  return value >>> 0;
}

const hues = new Map<string, number>();
const hueOf = (name: string): number => {
  let hue = hues.get(name);
  if (hue === undefined) {
    if (hues.size > 20_000) hues.clear();
    hues.set(name, hue = hash(name));
  }
  return hue;
};

/** Dark or light text, whichever is read better on a colour such as #5e71f3. */
function textOn(color: string): string {
  const part = (at: number): number => Number.parseInt(color.slice(at, at + 2), 16);
  return 0.299 * part(1) + 0.587 * part(3) + 0.114 * part(5) > 140 ? '#0a0d12' : '#ffffff';
}

export function drawLanes(canvas: HTMLCanvasElement, shown: Shown): void {
  const pen = canvas.getContext('2d');
  const width = canvas.clientWidth;
  if (pen === null || width === 0) return;
  const { trace, from, to } = shown;
  const height = HEAD + LANE * trace.lanes.length;
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  const colors = canvasColors();
  const palette = seriesColors(8);
  const scale = width / (to - from);
  drawAxis(pen, from, to, width, height);
  pen.font = '11px Inter, sans-serif';
  pen.textBaseline = 'middle';
  trace.lanes.forEach((lane, row) => {
    const top = HEAD + row * LANE + (LANE - BAR) / 2;
    let drawnTo = -1;
    for (let i = firstAfter(lane.spans, from); i < lane.spans.length; ++i) {
      const span = lane.spans[i]!;
      if (span.start >= to) break;
      const left = Math.max((span.start - from) * scale, 0);
      const right = Math.min((span.start + span.length - from) * scale, width);
      if (right < drawnTo && span !== shown.chosen) continue; // within a pixel that is drawn
      const wide = Math.max(right - left, 1);
      const color = palette[hueOf(span.name) % palette.length]!;
      pen.fillStyle = color;
      pen.fillRect(left, top, Math.max(wide - (wide > 4 ? 0.5 : 0), 0.75), BAR);
      if (wide > TEXT_FROM) label(pen, span.name, left, top, wide, textOn(color));
      if (span === shown.chosen) {
        pen.strokeStyle = colors.text;
        pen.lineWidth = 2;
        pen.strokeRect(left + 1, top + 1, Math.max(wide - 2, 2), BAR - 2);
      }
      drawnTo = left + 1;
    }
  });
}

function label(pen: CanvasRenderingContext2D, name: string, left: number, top: number, wide: number,
  color: string): void {
  const most = Math.floor((wide - 8) / 6.2);
  pen.fillStyle = color;
  pen.fillText(middle(name, Math.max(most, 4)), left + 4, top + BAR / 2 + 0.5, wide - 8);
}

function drawAxis(pen: CanvasRenderingContext2D, from: number, to: number, width: number, height: number) {
  const colors = canvasColors();
  const rough = ((to - from) * TICK) / width;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10);
  pen.font = '11px Inter, sans-serif';
  pen.textBaseline = 'top';
  for (let at = Math.ceil(from / step) * step; at < to; at += step) {
    const x = ((at - from) / (to - from)) * width;
    pen.fillStyle = colors.line;
    pen.fillRect(x, 0, 1, height);
    pen.fillStyle = colors.soft;
    if (x + 60 < width) pen.fillText(at === 0 ? '0' : duration(at / 1000), x + 4, 4);
  }
}

/** The execution at a place of the canvas, in pixels of the page. */
export function spanAt(shown: Shown, x: number, y: number, width: number): Span | null {
  const lane = shown.trace.lanes[Math.floor((y - HEAD) / LANE)];
  if (lane === undefined || y < HEAD) return null;
  const us = (shown.to - shown.from) / width;
  const at = shown.from + x * us;
  const span = lane.spans[firstAfter(lane.spans, at - us)];
  return span !== undefined && span.start <= at + us ? span : null;
}
