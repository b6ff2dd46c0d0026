// SPDX-License-Identifier: Apache-2.0
// Where the values of a view come from: the ring of this page, or what the server keeps.
import { useEffect, useMemo, useRef } from 'react';
import type { History } from '@gpuvigil/client';
import { HISTORY, server, useOffers } from '../base/server';
import { usePoll, type Polled } from '../base/poll';
import type { View } from '../base/view';
import { HISTORY_NAMES, slice, toColumns } from './columns';
import { redraw, ring, RING_SECONDS } from './live';
import { METRICS, type Columns, type Metric } from './ring';

export interface Series {
  columns: (from: number, to: number) => Columns;
  /** Why there is nothing, where the server refused. */
  problem: string | null;
  /** Seconds between two columns. */
  step: () => number;
}

const POINTS = 360; // about one every other pixel of a chart
const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400];

/** Whole seconds from one value to the next, so that there are not many more than a chart can show. */
export const stepOf = (seconds: number, points = POINTS): number =>
  STEPS.find((step) => seconds / step <= points) ?? STEPS.at(-1)!;

/** The time of a view as parameters; live ones by the clock of the server. */
export function historyTime(view: View): { from: string; to?: string } {
  if (view.from === null || view.to === null) return { from: `${Math.round(view.seconds)}s` };
  return { from: new Date(view.from).toISOString(), to: new Date(view.to).toISOString() };
}

/** How long an answer about a view may serve, in ms. */
const historyEvery = (view: View, leastMs: number): number =>
  view.mode === 'live' ? Math.max(stepOf(view.seconds) * 1000, leastMs) : Infinity;

/** What the server keeps of some metrics; null asks nothing. */
export function useHistory(metrics: readonly string[] | null, view: View,
  more: { trend?: 'true'; device?: string[]; agg?: 'avg' | 'min' | 'max' | 'last' } = {},
  leastMs = 10_000): Polled<History> {
  const offered = useOffers(HISTORY);
  const asked = { ...historyTime(view), ...more, step: `${stepOf(view.seconds)}s` };
  const key = offered && metrics !== null ? `history ${metrics.join()} ${JSON.stringify(asked)}` : null;
  return usePoll(key, (signal) => server.history({ metric: [...metrics!], ...asked }, { signal }),
    historyEvery(view, leastMs));
}

const NAMES = METRICS.map((metric) => HISTORY_NAMES[metric].name);

/** One metric of a view. Those of one page share one question. */
export function useSeries(metric: Metric, view: View): Series {
  const beyond = view.seconds > RING_SECONDS || (view.from !== null &&
    (ring.size === 0 || view.from / 1000 < ring.oldest - ring.periodSeconds));
  const answer = useHistory(beyond ? NAMES : null, view);
  const offered = useOffers(HISTORY);
  const wanted = beyond && offered;
  const held = useRef<Columns | null>(null);
  held.current = useMemo(() => answer.data && toColumns(answer.data, metric), [answer.data, metric]);
  useEffect(redraw, [answer.data]);
  const step = useRef(1);
  step.current = answer.data === null ? stepOf(view.seconds) : answer.data.step_ms / 1000;

  return useMemo(() => ({
    columns: (from, to) => !wanted ? ring.columns(metric, from, to)
      : held.current === null ? NOTHING : slice(held.current, from, to),
    problem: wanted && answer.data === null ? answer.error?.message ?? null : null,
    step: () => (wanted ? step.current : ring.periodSeconds),
  }), [metric, wanted, answer.error, answer.data]);
}

const NOTHING: Columns = { times: new Float64Array(), devices: new Map() };
