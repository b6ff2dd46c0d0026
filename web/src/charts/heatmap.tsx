// SPDX-License-Identifier: Apache-2.0
// Devices by time: a row a device, a column a moment, a colour a value. Missing values are hatched.
import { useEffect, useMemo, useRef, useState, type PointerEvent } from 'react';
import type { Device } from '@gpuvigil/client';
import { celsius, clock, memory, percent, watts } from '../base/format';
import { change, go, pageAddress, usePlace } from '../base/location';
import { canvasColors, onTheme, theme } from '../base/theme';
import { HISTORY, useOffers } from '../base/server';
import { useView } from '../base/view';
import { useSeries } from '../live/history';
import { onTick } from '../live/live';
import type { Columns, Metric } from '../live/ring';
import { edges } from './line_chart';
import { hatch } from './hatch';
import { ramp } from './ramp';

interface Kind {
  metric: Metric;
  name: string;
  format: (value: number) => string;
  /** What of a device is the whole, and how it is written. */
  whole: (device: Device) => number | null;
  floor: number;
  ends: [string, string];
}

const KINDS: Record<string, Kind> = {
  utilization: { metric: 'gpu_utilization', name: 'Utilization', format: percent,
    whole: () => 100, floor: 0, ends: ['0', '100 %'] },
  memory: { metric: 'memory_used_mb', name: 'Memory', format: memory,
    whole: (device) => device.memory.total_mb, floor: 0, ends: ['0', 'full'] },
  power: { metric: 'power_watts', name: 'Power', format: watts,
    whole: (device) => device.power_limit_watts, floor: 0, ends: ['0', 'limit'] },
  temperature: { metric: 'temperature_celsius', name: 'Temperature', format: celsius,
    whole: () => 95, floor: 25, ends: ['25', '95 °C'] },
};
const FIRST = 'utilization';
const CELL = 5; // pixels of a column, about

const rowHeight = (rows: number): number =>
  rows <= 4 ? 26 : rows <= 8 ? 20 : rows <= 16 ? 16 : 12;

/** How full each cell is, 0 to 1, row by row; NaN where nobody said anything. */
export function cells(columns: Columns, devices: readonly Device[], kind: Pick<Kind, 'whole' | 'floor'>,
  from: number, to: number, count: number): Float32Array {
  const filled = new Float32Array(devices.length * count).fill(Number.NaN);
  const scale = count / (to - from);
  devices.forEach((device, row) => {
    const values = columns.devices.get(device.index);
    const whole = kind.whole(device);
    if (values === undefined || whole === null || whole <= kind.floor) return;
    for (let i = 0; i < values.length; ++i) {
      const column = Math.floor((columns.times[i]! - from) * scale - 1e-9);
      const value = values[i]!;
      if (column < 0 || column >= count || value !== value) continue;
      const part = Math.min(Math.max((value - kind.floor) / (whole - kind.floor), 0), 1);
      const place = row * count + column;
      // The most of a column is shown: what is short is not lost.
      if (!(filled[place]! >= part)) filled[place] = part;
    }
  });
  return filled;
}

export function Heatmap({ devices }: { devices: readonly Device[] }): React.JSX.Element {
  const { query } = usePlace();
  const view = useView();
  const name = query.get('heat') ?? FIRST;
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name]! : KINDS[FIRST]!;
  const series = useSeries(kind.metric, view);
  const history = useOffers(HISTORY);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [readout, setReadout] = useState('');
  const height = rowHeight(devices.length);
  const shown = useRef({ devices, kind, view, series, height });
  shown.current = { devices, kind, view, series, height };

  const draw = useMemo(() => () => drawHeat(canvas.current, shown.current), []);
  useEffect(() => {
    const size = new ResizeObserver(draw);
    size.observe(canvas.current!);
    const stops = [onTheme(draw), onTick(() => {
      if (shown.current.view.mode === 'live') draw();
    })];
    return () => {
      size.disconnect();
      stops.forEach((stop) => stop());
    };
  }, [draw]);
  useEffect(draw, [draw, view, kind, series, devices.length]);

  const onMove = (event: PointerEvent<HTMLCanvasElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    const device = devices[Math.floor((event.clientY - box.top) / height)];
    if (device === undefined) return;
    const [from, to] = edges(view);
    const at = from + (event.clientX - box.left) / box.width * (to - from);
    const step = Math.max(series.step(), (to - from) / count(box.width, to - from, series.step()));
    const columns = series.columns(at - step, at + step / 2);
    const values = columns.devices.get(device.index);
    const value = values?.[values.length - 1] ?? Number.NaN;
    setReadout(`GPU ${device.index}  ${clock(at * 1000)}  ` +
      (value === value ? kind.format(value) : 'not seen'));
  };
  return (
    <section className="panel heat">
      <header>
        <h2>Devices over time</h2>
        <span className="readout" aria-live="off">{readout}</span>
        <div className="segments" role="group" aria-label="What the colours show">
          {Object.entries(KINDS).map(([key, one]) =>
            <button key={key} type="button" aria-pressed={kind === one}
              onClick={() => change({ heat: key === FIRST ? null : key })}>{one.name}</button>)}
        </div>
      </header>
      <div className="heat-body">
        <ul className="heat-rows" data-dense={height < 16 || undefined}>
          {devices.map((device) =>
            <li key={device.uuid} style={{ height }}>
              <a href={pageAddress(`/devices/${device.index}`, query)} onClick={(event) => {
                event.preventDefault();
                go(pageAddress(`/devices/${device.index}`, query));
              }}>{device.index}</a>
            </li>)}
        </ul>
        <canvas ref={canvas} role="img" data-rows={devices.length}
          aria-label={`${kind.name} of ${devices.length} devices over time`}
          onPointerMove={onMove} onPointerLeave={() => setReadout('')} />
      </div>
      <footer className="ramp"><span>{kind.ends[0]}</span><Ramp /><span>{kind.ends[1]}</span>
        <span className="hatched">not seen{!history && ': this page keeps what it has watched'}</span></footer>
    </section>
  );
}

function Ramp(): React.JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const draw = (): void => {
      const pen = canvas.current?.getContext('2d');
      if (!pen) return;
      const image = pen.createImageData(256, 1);
      new Uint32Array(image.data.buffer).set(ramp(theme()));
      pen.putImageData(image, 0, 0);
    };
    draw();
    return onTheme(draw);
  }, []);
  return <canvas ref={canvas} width={256} height={1} aria-hidden="true" />;
}

/** How many columns fit, none shorter than a step. */
const count = (width: number, seconds: number, step: number): number =>
  Math.max(1, Math.min(Math.floor(width / CELL), Math.round(seconds / Math.max(step, 1))));

interface Shown {
  devices: readonly Device[];
  kind: Kind;
  view: ReturnType<typeof useView>;
  series: ReturnType<typeof useSeries>;
  height: number;
}

const tile = document.createElement('canvas');

function drawHeat(canvas: HTMLCanvasElement | null, shown: Shown): void {
  const pen = canvas?.getContext('2d');
  if (!canvas || !pen || shown.devices.length === 0) return;
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = shown.height * shown.devices.length;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
  }
  const [from, to] = edges(shown.view);
  const columns = count(width, to - from, shown.series.step());
  const filled = cells(shown.series.columns(from, to), shown.devices, shown.kind, from, to, columns);
  const colors = ramp(theme());
  tile.width = columns;
  tile.height = shown.devices.length;
  const small = tile.getContext('2d')!;
  const image = small.createImageData(columns, shown.devices.length);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < filled.length; ++i) {
    const part = filled[i]!;
    if (part === part) pixels[i] = colors[Math.round(part * 255)]!;
  }
  small.putImageData(image, 0, 0);
  const palette = canvasColors();
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = hatch(pen, palette.line);
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(tile, 0, 0, canvas.width, canvas.height);
  pen.fillStyle = palette.surface;
  for (let row = 1; row < shown.devices.length; ++row) {
    pen.fillRect(0, Math.round(row * shown.height * ratio), canvas.width, Math.max(1, ratio));
  }
}
