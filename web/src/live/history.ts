// SPDX-License-Identifier: Apache-2.0
// Where the values of a view come from: the ring of this page, or the history of the server where
// it keeps one.
import { useEffect, useMemo, useRef } from 'react';
import { HISTORY, server, useDevices, useOffers } from '../base/server';
import { usePoll } from '../base/poll';
import type { View } from '../base/view';
import { redraw, ring } from './live';
import type { Columns, Metric } from './ring';

/** The answer of GET /api/v1/gpu/history. */
interface History {
  step_ms: number;
  series: { metric: string; device: number | string | null; times: (string | number)[];
    values: (number | null)[] }[];
}

export interface Series {
  columns: (from: number, to: number) => Columns;
  /** Why there is nothing, where the server refused. */
  problem: string | null;
  /** Seconds since 1970 from which on values may be there; 0 is for ever. */
  knownFrom: () => number;
  /** Seconds between two columns. */
  step: () => number;
}

const POINTS = 600;

const seconds = (time: string | number): number =>
  typeof time === 'number' ? (time > 1e11 ? time / 1000 : time) : Date.parse(time) / 1000;

/** History as columns: one for each time that any series has. */
export function toColumns(history: History, indexOf: (device: number | string) => number): Columns {
  const all = new Set<number>();
  for (const one of history.series) for (const time of one.times) all.add(seconds(time));
  const times = Float64Array.from([...all].sort((a, b) => a - b));
  const place = new Map(Array.from(times, (time, i) => [time, i]));
  const devices = new Map<number, Float32Array>();
  for (const one of history.series) {
    const index = one.device === null ? -1 : indexOf(one.device);
    if (index < 0) continue;
    const values = new Float32Array(times.length).fill(Number.NaN);
    one.times.forEach((time, i) => {
      values[place.get(seconds(time))!] = one.values[i] ?? Number.NaN;
    });
    devices.set(index, values);
  }
  return { times, devices };
}

function slice(columns: Columns, from: number, to: number): Columns {
  let first = 0;
  while (first < columns.times.length && columns.times[first]! < from) ++first;
  let last = columns.times.length;
  while (last > first && columns.times[last - 1]! > to) --last;
  const devices = new Map<number, Float32Array>();
  for (const [index, values] of columns.devices) devices.set(index, values.subarray(first, last));
  return { times: columns.times.subarray(first, last), devices };
}

const RING_SECONDS = 900;

function query(view: View): { from: number; to: number; step: number } {
  const to = view.to === null ? Date.now() : view.to;
  const from = view.from === null ? to - view.seconds * 1000 : view.from;
  const step = Math.max(1, Math.ceil((to - from) / 1000 / POINTS));
  return { from, to, step };
}

/** One metric of a view. */
export function useSeries(metric: Metric, view: View): Series {
  const offered = useOffers(HISTORY);
  const devices = useDevices();
  const beyond = view.seconds > RING_SECONDS ||
    (view.from !== null && view.from / 1000 < ring.oldest);
  const wanted = offered && beyond;
  const asked = query(view);
  const every = view.mode === 'live' ? Math.max(asked.step * 1000, 10_000) : Infinity;
  const key = `history ${metric} ${view.seconds} ${view.from ?? ''} ${view.to ?? ''}`;
  const answer = usePoll(wanted ? key : null, (signal) => {
    const { from, to, step } = query(view);
    return server.get<History>(HISTORY, { metric, from: new Date(from).toISOString(),
      to: new Date(to).toISOString(), step: `${step}s` }, { signal });
  }, every);

  const held = useRef<Columns | null>(null);
  held.current = useMemo(() => answer.data && toColumns(answer.data, (device) =>
    typeof device === 'number' ? device
      : devices.find((one) => one.uuid === device)?.index ?? -1),
  [answer.data, devices.length]);
  useEffect(redraw, [answer.data]);
  const step = useRef(1);
  step.current = answer.data === null ? ring.periodSeconds : answer.data.step_ms / 1000;

  return useMemo(() => ({
    columns: (from, to) => wanted && held.current ? slice(held.current, from, to)
      : ring.columns(metric, from, to),
    problem: wanted ? answer.error?.message ?? null : null,
    knownFrom: () => (wanted && held.current ? 0 : ring.oldest),
    step: () => (wanted ? step.current : ring.periodSeconds),
  }), [metric, wanted, answer.error]);
}
