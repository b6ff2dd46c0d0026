// SPDX-License-Identifier: Apache-2.0
// A kernel now against earlier: the last minutes and as many before them, or a moment that somebody
// marked and what came after.
import { useState } from 'react';
import type { Kernel, KernelDetail } from '@gpuvigil/client';
import { callsOf, countedSince, percentile, type Buckets } from '../base/buckets';
import { clock, duration, span } from '../base/format';
import { change, usePlace } from '../base/location';
import { usePoll } from '../base/poll';
import { server } from '../base/server';
import { Histogram } from '../charts/histogram';
import { Missing, Trouble, Value } from '../parts/value';

const WINDOWS = [['1m', 60], ['5m', 300], ['15m', 900]] as const;
const MOST_PATTERN = 120;
const LEAST_CALLS = 20; // below, a difference says little

/** Counts and times of a kernel over some time. */
export interface Spent {
  calls: number;
  ms: number;
  seconds: number;
}

/** What a window of twice the length holds beyond the newer half. */
export function earlier(both: Spent, newer: Spent): Spent | null {
  const rest = { calls: both.calls - newer.calls, ms: both.ms - newer.ms,
    seconds: both.seconds - newer.seconds };
  return rest.calls < 0 || rest.ms < -1e-6 || rest.seconds <= 0 ? null : rest;
}

async function spent(kernel: KernelDetail, seconds: number, signal: AbortSignal): Promise<Spent> {
  // A name may be longer than a pattern and hold what a pattern cannot: the id tells which one it is.
  const start = /^[\x21-\x7e ]*/.exec(kernel.name)![0].slice(0, MOST_PATTERN);
  const answer = await server.kernels({ name: [`${start}*`], since: `${seconds}s`, kind: 'all',
    min_calls: 0, limit: 1000 }, { signal });
  const row: Kernel | undefined = answer.kernels.find((one) => one.id === kernel.id);
  const covered = (Date.parse(answer.window.to) - Date.parse(answer.window.from)) / 1000;
  return { calls: row?.total_calls ?? 0, ms: row?.total_time_ms ?? 0, seconds: covered };
}

export interface KernelMark {
  at: number;
  id: string;
  buckets: Buckets;
  ms: number;
}

export function Compare({ kernel }: { kernel: KernelDetail }): React.JSX.Element {
  const { query } = usePlace();
  const [mark, setMark] = useState<KernelMark | null>(null);
  const [name, seconds] = WINDOWS.find(([one]) => one === query.get('cmp')) ?? WINDOWS[1];
  const marked = mark !== null && mark.id === kernel.id ? mark : null;
  const setNow = (): void => setMark({ at: Date.parse(kernel.timestamp), id: kernel.id,
    buckets: kernel.histogram.buckets, ms: kernel.total_time_ms });
  return (
    <>
      <div className="line compare-head"><h3>Compared with before</h3><span className="fill" />
        {marked === null && <div className="segments" role="group" aria-label="How long">
          {WINDOWS.map(([one]) => <button key={one} type="button" aria-pressed={one === name}
            onClick={() => change({ cmp: one === '5m' ? null : one })}>{one}</button>)}</div>}
        <button type="button" title="From now on is compared with all that was until now"
          onClick={() => (marked === null ? setNow() : setMark(null))}>
          {marked === null ? 'Mark now' : 'Take the mark away'}</button></div>
      {marked === null ? <Windows kernel={kernel} seconds={seconds} />
        : <SinceMark kernel={kernel} mark={marked} />}
    </>
  );
}

interface Row {
  name: string;
  before: number | null;
  now: number | null;
  format: (value: number) => string;
}

const percentText = (value: number): string =>
  `${value > 0 ? '+' : value < 0 ? '−' : '±'}${Math.abs(value).toFixed(Math.abs(value) < 10 ? 1 : 0)} %`;

function Rows({ rows, heads }: { rows: readonly Row[]; heads: [string, string] }) {
  return (
    <table className="small compare"><thead><tr><th scope="col"><span className="hidden">What</span></th>
      <th scope="col">{heads[0]}</th><th scope="col">{heads[1]}</th><th scope="col">Change</th></tr></thead>
    <tbody>{rows.map(({ name, before, now, format }) => {
      const by = before === null || now === null || before === 0 ? null : (100 * (now - before)) / before;
      return <tr key={name}><th scope="row">{name}</th>
        <td><Value value={before} format={format} reason="nothing ran then" /></td>
        <td><Value value={now} format={format} reason="nothing ran since" /></td>
        <td>{by === null ? <Missing reason="there is nothing to compare with" />
          : <b data-big={Math.abs(by) >= 5 || undefined}>{percentText(by)}</b>}</td></tr>;
    })}</tbody></table>
  );
}

const aSecond = (value: number): string => `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} a second`;

function Windows({ kernel, seconds }: { kernel: KernelDetail; seconds: number }) {
  const polled = usePoll(`compare ${kernel.id} ${seconds}`, async (signal) => {
    const newer = await spent(kernel, seconds, signal);
    return { newer, both: await spent(kernel, 2 * seconds, signal) };
  }, 10_000);
  if (polled.data === null) return <Trouble error={polled.error} at={polled.at} />;
  const { newer, both } = polled.data;
  const before = both.seconds < 1.5 * newer.seconds ? null : earlier(both, newer);
  const per = (one: Spent | null, read: (s: Spent) => number, of: (s: Spent) => number) =>
    one === null || of(one) === 0 ? null : read(one) / of(one);
  const row = (name: string, read: (s: Spent) => number, of: (s: Spent) => number,
    format: (value: number) => string): Row =>
    ({ name, before: per(before, read, of), now: per(newer, read, of), format });
  return (
    <>
      <Rows heads={[`${span(seconds)} before`, `last ${span(seconds)}`]} rows={[
        row('Mean', (s) => s.ms, (s) => s.calls, duration),
        row('Calls', (s) => s.calls, (s) => s.seconds, aSecond),
        row('GPU time', (s) => s.ms / 10, (s) => s.seconds, (p) => `${p.toPrecision(3)} % of one GPU`),
      ]} />
      {before === null && <p className="soft foot">The server has not run for {span(2 * seconds)} yet.</p>}
      {Math.min(newer.calls, before?.calls ?? Infinity) < LEAST_CALLS && before !== null &&
        <p className="soft foot">With fewer than {LEAST_CALLS} calls a difference says little.</p>}
    </>
  );
}

function SinceMark({ kernel, mark }: { kernel: KernelDetail; mark: KernelMark }) {
  const since = countedSince(kernel.histogram.buckets, mark.buckets);
  if (since === null) {
    return <p className="soft foot">The server began anew after the mark: there is nothing to compare.</p>;
  }
  const mean = (ms: number, buckets: Buckets): number | null =>
    callsOf(buckets) === 0 ? null : ms / callsOf(buckets);
  const rows: Row[] = [
    { name: 'Mean', before: mean(mark.ms, mark.buckets),
      now: mean(kernel.total_time_ms - mark.ms, since), format: duration },
    ...([['p50', 0.5], ['p95', 0.95], ['p99', 0.99]] as const).map(([name, part]) => ({ name,
      before: percentile(mark.buckets, part), now: percentile(since, part), format: duration })),
  ];
  const marks = (part: number): number => percentile(since, part) ?? 0;
  return (
    <>
      <Rows heads={[`until ${clock(mark.at)}`, 'since']} rows={rows} />
      {since.length === 0 ? <p className="soft foot">It has not run since.</p>
        : <Histogram before={mark.buckets} kernel={{ histogram: { buckets: since },
          p50_time_ms: marks(0.5), p95_time_ms: marks(0.95), p99_time_ms: marks(0.99) }} />}
      <p className="soft foot">Bars: since the mark. Line: before it. Both as shares of their calls.</p>
    </>
  );
}
