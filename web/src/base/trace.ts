// SPDX-License-Identifier: Apache-2.0
// A Chrome trace as lanes of executions, a lane a stream of a device.

export interface Span {
  name: string;
  kind: string;
  /** Since the beginning of the trace, in µs. */
  start: number;
  length: number;
}

export interface Lane {
  title: string;
  /** In the order of their starts; none begins before the one before has ended, but for damage. */
  spans: Span[];
}

export interface TraceView {
  lanes: Lane[];
  /** In µs. */
  length: number;
  spans: number;
  /** Of the file, that are not shown: there are bounds. */
  left: number;
}

export const MOST_SPANS = 250_000;
const MOST_LANES = 256;
const KINDS = new Set(['kernel', 'gpu_memcpy', 'gpu_memset']);

interface Event {
  ph?: unknown;
  name?: unknown;
  cat?: unknown;
  pid?: unknown;
  tid?: unknown;
  ts?: unknown;
  dur?: unknown;
  args?: { name?: unknown };
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** Reads what a server or a profiler wrote; null where it is no trace. */
export function readTrace(json: unknown): TraceView | null {
  const events = Array.isArray(json) ? json as Event[]
    : (json as { traceEvents?: unknown } | null)?.traceEvents as Event[] | undefined;
  if (!Array.isArray(events)) return null;
  const titles = new Map<string, string>();
  const lanes = new Map<string, Lane>();
  let spans = 0;
  let left = 0;
  let first = Infinity;
  let last = -Infinity;
  for (const event of events) {
    if (event === null || typeof event !== 'object') continue;
    const key = `${String(event.pid)} ${String(event.tid)}`;
    if (event.ph === 'M' && event.name === 'process_name') titles.set(String(event.pid), String(event.args?.name));
    if (event.ph === 'M' && event.name === 'thread_name') titles.set(key, String(event.args?.name));
    if (event.ph !== 'X' || !KINDS.has(String(event.cat)) || !isNumber(event.ts)) continue;
    const length = isNumber(event.dur) ? Math.max(event.dur, 0) : 0;
    let lane = lanes.get(key);
    if (spans >= MOST_SPANS || (lane === undefined && lanes.size >= MOST_LANES)) {
      left += 1;
      continue;
    }
    if (lane === undefined) lanes.set(key, lane = { title: key, spans: [] });
    lane.spans.push({ name: String(event.name), kind: String(event.cat), start: event.ts, length });
    spans += 1;
    first = Math.min(first, event.ts);
    last = Math.max(last, event.ts + length);
  }
  for (const [key, lane] of lanes) {
    const [pid, tid] = key.split(' ');
    lane.title = `${titles.get(pid!) ?? `GPU ${pid}`} · ${titles.get(key) ?? `stream ${tid}`}`;
    for (const span of lane.spans) span.start -= first;
    lane.spans.sort((a, b) => a.start - b.start);
  }
  const sorted = [...lanes.entries()].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
  return { lanes: sorted.map(([, lane]) => lane), length: spans === 0 ? 0 : Math.max(last - first, 1),
    spans, left };
}

/** The first span of a lane that ends after `at`. */
export function firstAfter(spans: readonly Span[], at: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle]!.start + spans[middle]!.length <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface Summed {
  name: string;
  calls: number;
  us: number;
}

/** What ran between two moments, by name, the most time first; what is cut by an edge counts in part. */
export function summed(trace: TraceView, from: number, to: number): Summed[] {
  const found = new Map<string, Summed>();
  for (const lane of trace.lanes) {
    for (let i = firstAfter(lane.spans, from); i < lane.spans.length; ++i) {
      const span = lane.spans[i]!;
      if (span.start >= to) break;
      let row = found.get(span.name);
      if (row === undefined) found.set(span.name, row = { name: span.name, calls: 0, us: 0 });
      row.calls += 1;
      row.us += Math.min(span.start + span.length, to) - Math.max(span.start, from);
    }
  }
  return [...found.values()].sort((a, b) => b.us - a.us);
}
