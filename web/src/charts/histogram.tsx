// SPDX-License-Identifier: Apache-2.0
// How long executions took, on a logarithmic axis, with the percentiles marked.
import type { KernelDetail } from '@gpuvigil/client';
import { count, duration, shortDuration } from '../base/format';

const WIDTH = 520;
const HEIGHT = 120;
const FOOT = 18;
const BARS = 64;
const LEAST_MS = 1e-6;

type Buckets = KernelDetail['histogram']['buckets'];

export interface Binned {
  /** Of log10 of the duration in ms. */
  low: number;
  high: number;
  counts: number[];
}

/** Buckets as bars of equal width on a logarithmic axis; a bucket over several bars is spread. */
export function binned(buckets: Buckets, bars: number): Binned {
  const starts = buckets.map((bucket) => Math.log10(Math.max(bucket.from_ms, LEAST_MS)));
  const ends = buckets.map((bucket, i) =>
    Math.log10(Math.max(bucket.to_ms ?? bucket.from_ms * 1.05, LEAST_MS) || starts[i]!));
  let low = Math.min(...starts);
  let high = Math.max(...ends);
  const least = 0.15; // a single bucket is not drawn over the whole width
  if (high - low < least) {
    const middle = (low + high) / 2;
    [low, high] = [middle - least / 2, middle + least / 2];
  }
  const counts = new Array<number>(bars).fill(0);
  buckets.forEach((bucket, i) => {
    const from = ((starts[i]! - low) / (high - low)) * bars;
    const to = Math.max(((ends[i]! - low) / (high - low)) * bars, from + 1e-6);
    for (let bar = Math.floor(from); bar < Math.min(to, bars); ++bar) {
      const overlap = Math.min(to, bar + 1) - Math.max(from, bar);
      counts[bar]! += (bucket.count * overlap) / (to - from);
    }
  });
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

export function Histogram({ kernel }: { kernel: KernelDetail }): React.JSX.Element {
  const { low, high, counts } = binned(kernel.histogram.buckets, BARS);
  const most = Math.max(...counts, 1);
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
