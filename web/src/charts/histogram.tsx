// SPDX-License-Identifier: Apache-2.0
// How long executions took, on a logarithmic axis, with the percentiles marked.
import type { KernelDetail } from '@gpuvigil/client';
import type { Buckets } from '../base/buckets';
import { count, duration, shortDuration } from '../base/format';

const WIDTH = 520;
const HEIGHT = 120;
const FOOT = 18;
const BARS = 64;
const LEAST_MS = 1e-6;

/** What a histogram needs of a kernel. */
export type Marked = Pick<KernelDetail, 'p50_time_ms' | 'p95_time_ms' | 'p99_time_ms'> &
  { histogram: { buckets: Buckets } };

export interface Binned {
  /** Of log10 of the duration in ms. */
  low: number;
  high: number;
  counts: number[];
}

/** The edges of an axis for buckets: log10 of durations in ms. */
export function edgesOf(buckets: Buckets): [number, number] {
  const low = Math.min(...buckets.map(startOf));
  const high = Math.max(...buckets.map(endOf));
  const least = 0.15; // a single bucket is not drawn over the whole width
  const middle = (low + high) / 2;
  return high - low >= least ? [low, high] : [middle - least / 2, middle + least / 2];
}

const startOf = (bucket: Buckets[number]): number => Math.log10(Math.max(bucket.from_ms, LEAST_MS));
const endOf = (bucket: Buckets[number]): number =>
  Math.log10(Math.max(bucket.to_ms ?? bucket.from_ms * 1.05, LEAST_MS));

/** Buckets as bars of equal width on a logarithmic axis; a bucket over several bars is spread. */
export function binned(buckets: Buckets, bars: number, [low, high] = edgesOf(buckets)): Binned {
  const counts = new Array<number>(bars).fill(0);
  for (const bucket of buckets) {
    const from = ((startOf(bucket) - low) / (high - low)) * bars;
    const to = Math.max(((endOf(bucket) - low) / (high - low)) * bars, from + 1e-6);
    for (let bar = Math.floor(from); bar < Math.min(to, bars); ++bar) {
      const overlap = Math.min(to, bar + 1) - Math.max(from, bar);
      counts[bar]! += (bucket.count * overlap) / (to - from);
    }
  }
  return { low, high, counts };
}

function ticks(low: number, high: number): number[] {
  const found: number[] = [];
  const factors = high - low > 1.5 ? [1] : high - low > 0.8 ? [1, 2, 5]
    : [1, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2, 2.3, 2.6, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9];
  for (let decade = Math.floor(low); decade <= high; ++decade) {
    for (const factor of factors) {
      const at = decade + Math.log10(factor);
      const room = found.length === 0 || at - found.at(-1)! >= (high - low) / 8;
      if (at >= low && at <= high && room) found.push(at);
    }
  }
  return found;
}

/** `before` is drawn behind as a line, both as shares of their own calls. */
export function Histogram({ kernel, before }:
  { kernel: Marked; before?: Buckets | null }): React.JSX.Element {
  const { buckets } = kernel.histogram;
  const axis = edgesOf([...buckets, ...before ?? []]);
  const { low, high, counts } = binned(buckets, BARS, axis);
  const sum = (all: readonly number[]): number => Math.max(all.reduce((a, b) => a + b, 0), 1e-9);
  const behind = before ? binned(before, BARS, axis).counts : null;
  const scale = behind === null ? 1 : sum(counts) / sum(behind);
  const most = Math.max(...counts, ...(behind ?? []).map((n) => n * scale), 1e-9);
  const x = (log: number): number => ((log - low) / (high - low)) * WIDTH;
  const marks: [string, number][] = [['p50', kernel.p50_time_ms], ['p95', kernel.p95_time_ms],
    ['p99', kernel.p99_time_ms]];
  const step = WIDTH / BARS;
  return (
    <svg className="histogram" viewBox={`0 0 ${WIDTH} ${HEIGHT + FOOT + 14}`} role="img"
      aria-label={`Durations: median ${duration(kernel.p50_time_ms)}, p95 ` +
        `${duration(kernel.p95_time_ms)}, p99 ${duration(kernel.p99_time_ms)}`}>
      {ticks(low, high).map((at) => (
        <g key={at} className="tick">
          <line x1={x(at)} x2={x(at)} y1={14} y2={HEIGHT + 14} />
          <text x={Math.min(Math.max(x(at), 14), WIDTH - 18)} y={HEIGHT + 28} textAnchor="middle">
            {shortDuration(10 ** at)}</text>
        </g>))}
      {counts.map((n, i) => n > 0 && (
        <rect key={i} x={i * step + 0.5} width={step - 1}
          y={14 + HEIGHT - Math.max(1.5, (n / most) * HEIGHT)}
          height={Math.max(1.5, (n / most) * HEIGHT)}>
          <title>{`${duration(10 ** (low + (i / BARS) * (high - low)))} to ` +
            `${duration(10 ** (low + ((i + 1) / BARS) * (high - low)))}: about ${count(Math.round(n))}`}</title>
        </rect>))}
      {behind !== null && <path className="behind" d={behind.map((n, i) =>
        `${i === 0 ? 'M' : 'L'}${i * step} ${14 + HEIGHT - (n * scale / most) * HEIGHT}h${step}`).join('')} />}
      {marks.map(([name, ms], i) => {
        const at = Math.min(Math.max(x(Math.log10(Math.max(ms, LEAST_MS))), 0), WIDTH);
        return <g key={name} className="mark-line">
          <line x1={at} x2={at} y1={10} y2={HEIGHT + 14} />
          <text x={Math.min(Math.max(at, 22), WIDTH - 22)} y={8}
            textAnchor={['end', 'middle', 'start'][i] as 'end' | 'middle' | 'start'}>{name}</text>
        </g>;
      })}
    </svg>
  );
}
