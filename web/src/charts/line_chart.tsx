// SPDX-License-Identifier: Apache-2.0
// One metric over time: a line a device, or a band where there are many. Drawn by uPlot on each
// message of the stream; React renders it when the view changes and not otherwise.
import { useEffect, useRef, type KeyboardEvent } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clock } from '../base/format';
import { canvasColors, onTheme, seriesColors, useTheme } from '../base/theme';
import { goLive, showRange, useView, type View } from '../base/view';
import { useSeries, type Series } from '../live/history';
import { onTick, redraw, ring } from '../live/live';
import type { Metric } from '../live/ring';
import { Bands, type Line } from './band';
import { hatch } from './hatch';

export const MOST_LINES = 8;
const HEIGHT = 148;
const SYNC = 'time';

export interface LineChartProps {
  title: string;
  metric: Metric;
  devices: readonly number[];
  /** All devices of the machine: a device keeps its colour whatever is shown beside it. */
  all: number;
  format: (value: number) => string;
  /** The top of the axis; null: what there is. */
  top: number | null;
  /** A value of the axis as text. */
  tick: (value: number) => string;
  /** Where the axis has its values, where decimal steps would not do. */
  splits?: (top: number) => number[];
}

/** The edges of what a view shows, in seconds. */
export function edges(view: View): [number, number] {
  if (view.from !== null && view.to !== null) return [view.from / 1000, view.to / 1000];
  const newest = view.seconds > 900 || ring.newest === 0 ? Date.now() / 1000 : ring.newest;
  return [newest - view.seconds, newest];
}

function toLine(values: Float32Array | undefined, length: number): Line {
  const line: Line = new Array<number | null>(length);
  for (let i = 0; i < length; ++i) {
    const value = values?.[i] ?? Number.NaN;
    line[i] = value === value ? value : null;
  }
  return line;
}

/** What a chart needs to draw; changed by React, read by ticks. */
interface Shown {
  props: LineChartProps;
  view: View;
  series: Series;
}

class Plot {
  readonly #plot: uPlot;
  readonly #host: HTMLElement;
  readonly #readout: HTMLElement;
  readonly #many: boolean;
  readonly #bands = new Bands();
  #range: [number, number] = [0, 1];
  /** The time that keys have chosen, in seconds; it stays while the picture moves on. */
  #chosen: [number, number] | null = null;
  /** Where keys have put the cursor. */
  #held: number | null = null;

  constructor(host: HTMLElement, readout: HTMLElement, private shown: () => Shown) {
    this.#host = host;
    this.#readout = readout;
    this.#many = shown().props.devices.length > MOST_LINES;
    this.#plot = new uPlot(this.#options(), [[]], host);
    this.draw();
  }

  end(): void {
    this.#plot.destroy();
  }

  resize(): void {
    const width = this.#host.clientWidth;
    if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }

  draw(): void {
    const { props, series, view } = this.shown();
    this.#range = edges(view);
    const margin = series.step();
    const columns = series.columns(this.#range[0] - margin, this.#range[1] + margin);
    const times = Array.from(columns.times);
    const lines = this.#many
      ? this.#bands.lines(columns, props.devices, props.devices.join())
      : props.devices.map((index) => toLine(columns.devices.get(index), times.length));
    this.#plot.setData([times, ...lines] as uPlot.AlignedData);
    if (this.#held !== null) this.#showChosen();
    this.read();
  }

  /** Writes what stands under the cursor, or what is newest. */
  read(): void {
    const data = this.#plot.data;
    const index = this.#plot.cursor.idx ?? null;
    const last = data[0]!.length - 1;
    const at = index ?? last;
    const texts = this.#readout.querySelectorAll('b');
    texts.forEach((text, i) => {
      const value = data[i + 1]?.[at];
      const said = value === null || value === undefined ? '–' : this.shown().props.format(value);
      if (text.textContent !== said) text.textContent = said;
    });
    const time = this.#readout.querySelector('time');
    const when = index === null || last < 0 ? '' : clock(data[0]![at]! * 1000);
    if (time !== null && time.textContent !== when) time.textContent = when;
  }

  /** Moves the cursor by so many columns; with `select` what is passed is chosen. */
  step(by: number, select: boolean): void {
    const times = this.#plot.data[0]!;
    if (times.length === 0) return;
    const held = this.#held === null ? -1 : times.findIndex((time) => time >= this.#held!);
    const now = held >= 0 ? held : this.#plot.cursor.idx ?? times.length - 1;
    const next = Math.min(Math.max(now + by, 0), times.length - 1);
    if (select) this.#chosen = [this.#chosen?.[0] ?? times[now]!, times[next]!];
    else this.#chosen = null;
    this.#held = times[next]!;
    this.#showChosen();
  }

  /** The cursor goes where the pointer is again. */
  release(): void {
    this.#held = null;
    this.#chosen = null;
    this.#showChosen();
  }

  #showChosen(): void {
    if (this.#held !== null) {
      this.#plot.setCursor({ left: this.#plot.valToPos(this.#held, 'x'), top: 10 });
    }
    const [from, to] = this.#chosen ?? [0, 0];
    const left = this.#plot.valToPos(Math.min(from, to), 'x');
    const width = this.#plot.valToPos(Math.max(from, to), 'x') - left;
    this.#plot.setSelect(this.#chosen === null ? { left: 0, width: 0, top: 0, height: 0 }
      : { left, width, top: 0, height: this.#plot.bbox.height / devicePixelRatio }, false);
  }

  /** Shows what is chosen as a range of its own. */
  zoom(): void {
    const { left, width } = this.#plot.select;
    if (this.#chosen === null && width < 4) return;
    const ends = this.#chosen ??
      [this.#plot.posToVal(left, 'x'), this.#plot.posToVal(left + width, 'x')];
    this.release();
    const [from, to] = [Math.min(...ends), Math.max(...ends)];
    if (from < to) showRange(Math.floor(from * 1000), Math.ceil(to * 1000));
  }

  #options(): uPlot.Options {
    const { props } = this.shown();
    const colors = canvasColors();
    const palette = seriesColors(props.all);
    const line = (color: string, width: number, dash?: number[]): uPlot.Series =>
      ({ stroke: color, width, spanGaps: false, points: { show: false },
        ...(dash === undefined ? {} : { dash }) });
    const accent = seriesColors(1)[0]!;
    const series = this.#many
      ? [line(colors.soft, 0.75, [2, 3]), line(accent, 0), line(accent, 1.75), line(accent, 0),
        line(colors.soft, 0.75, [2, 3])]
      : props.devices.map((index) => line(palette[index % palette.length]!, 1.4));
    const axis = { stroke: colors.soft, grid: { stroke: colors.line, width: 1 },
      ticks: { show: false }, font: '11px Inter, sans-serif' };
    return {
      width: Math.max(this.#host.clientWidth, 120), height: HEIGHT,
      padding: [8, 22, 0, 0], legend: { show: false },
      cursor: { sync: { key: SYNC, scales: ['x', null] }, points: { size: 6 }, y: false,
        drag: { x: true, y: false, setScale: false } },
      ...(this.#many ? { bands: [{ series: [4, 2], fill: `${accent}40` }] } : {}),
      series: [{}, ...series],
      scales: {
        x: { time: true, range: () => this.#range },
        y: { range: (_plot, _low, high) => [0, props.top ?? Math.max((high ?? 1) * 1.1, 1)] },
      },
      axes: [
        { ...axis, space: 72, size: 20, values: (_p, at) => at.map((s) => this.#label(s)) },
        { ...axis, space: 32, size: 50, values: (_p, at) => at.map(props.tick),
          ...(props.splits === undefined ? {} : { splits: (_p, _i, _low, high) => props.splits!(high) }) },
      ],
      hooks: {
        setCursor: [() => this.read()],
        setSelect: [() => { if (this.#plot.select.width >= 4) this.zoom(); }],
        drawClear: [(plot) => this.#hatch(plot)],
      },
    };
  }

  #label(at: number): string {
    const date = new Date(at * 1000);
    const [low, high] = this.#range;
    const text = clock(at * 1000);
    if (high - low > 172_800) return `${date.getMonth() + 1}/${date.getDate()}`;
    return high - low > 3600 ? text.slice(0, 5) : text;
  }

  /** Hatches the time of which nobody told anything. */
  #hatch(plot: uPlot): void {
    const { series } = this.shown();
    const times = plot.data[0]!;
    const known = (i: number): boolean => plot.data.some((line, s) => s > 0 && line[i] != null);
    const pen = plot.ctx;
    pen.save();
    pen.fillStyle = hatch(pen, canvasColors().line);
    const fill = (from: number, to: number): void => {
      const left = Math.max(plot.valToPos(from, 'x', true), plot.bbox.left);
      const right = Math.min(plot.valToPos(to, 'x', true), plot.bbox.left + plot.bbox.width);
      if (right - left > 1) pen.fillRect(left, plot.bbox.top, right - left, plot.bbox.height);
    };
    const [low, high] = this.#range;
    let open = low;
    for (let i = 0; i < times.length; ++i) {
      if (!known(i)) continue;
      if (times[i]! - open > 1.75 * series.step()) fill(open, times[i]!);
      open = times[i]!;
    }
    if (high - open > 2.5 * series.step() || times.length === 0) fill(open, high);
    pen.restore();
  }
}

export function LineChart(props: LineChartProps): React.JSX.Element {
  const view = useView();
  const series = useSeries(props.metric, view);
  const host = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const shown = useRef<Shown>({ props, view, series });
  shown.current = { props, view, series };
  const many = props.devices.length > MOST_LINES;
  const key = `${props.devices.join()} ${props.all}`;

  useEffect(() => {
    const make = (): void => {
      plot.current?.end();
      plot.current = new Plot(host.current!, readout.current!, () => shown.current);
    };
    make();
    const size = new ResizeObserver(() => plot.current?.resize());
    size.observe(host.current!);
    const themed = onTheme(make);
    const ticking = onTick(() => {
      if (shown.current.view.mode === 'live') plot.current?.draw();
    });
    return () => {
      size.disconnect();
      themed();
      ticking();
      plot.current?.end();
      plot.current = null;
    };
  }, [key, props.metric]);
  useEffect(() => {
    plot.current?.draw();
    redraw();
  }, [view, series]);

  const onKey = (event: KeyboardEvent): void => {
    const by = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
    if (by !== 0) plot.current?.step(by * (event.ctrlKey ? 10 : 1), event.shiftKey);
    else if (event.key === 'Enter') plot.current?.zoom();
    else if (event.key === 'Escape') goLive();
    else return;
    event.preventDefault();
  };
  useTheme();
  const palette = seriesColors(props.all);
  return (
    <section className="panel chart">
      <header>
        <h2>{props.title}</h2>
        <div className="readout" ref={readout}>
          <time />
          {many
            ? ['min', 'p10', 'median', 'p90', 'max'].map((name) =>
              <span key={name} className={name === 'p10' || name === 'p90' ? 'wide' : ''}>
                {name} <b>–</b></span>)
            : props.devices.map((index) =>
              <span key={index}>
                <i className="key" style={{ background: palette[index % palette.length] }} />
                {index} <b>–</b>
              </span>)}
        </div>
      </header>
      <div className="plot" ref={host} tabIndex={0} role="img" onKeyDown={onKey}
        onDoubleClick={goLive} onBlur={() => plot.current?.release()}
        onPointerDown={() => plot.current?.release()}
        aria-label={`${props.title} over time, ${props.devices.length} devices. Arrows move the ` +
          'cursor, with Shift they choose a range, Enter shows it.'} />
      {series.problem && <p className="trouble">{series.problem}</p>}
    </section>
  );
}
