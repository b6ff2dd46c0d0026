// SPDX-License-Identifier: Apache-2.0
// Answers of GET /api/v1/gpu/history as columns, in the units of the stream.
import type { History } from '@gpuvigil/client';
import type { Columns, Metric } from './ring';

/** What history calls the metrics of the stream, and how much of theirs one of its units is. */
export const HISTORY_NAMES: Record<Metric, { name: string; scale: number }> = {
  gpu_utilization: { name: 'gpu_utilization', scale: 1 },
  memory_used_mb: { name: 'memory_used', scale: 1 / 1048576 },
  power_watts: { name: 'power', scale: 1 },
  temperature_celsius: { name: 'temperature', scale: 1 },
};

/** All series of one metric. Their times are the same: the server makes one list for an answer. */
export function seriesColumns(history: History, name: string, scale: number): Columns {
  const series = history.series.filter((one) => one.metric === name && one.device !== null);
  const times = Float64Array.from(series[0]?.times ?? [], (time) => Date.parse(time) / 1000);
  const devices = new Map<number, Float32Array>();
  for (const one of series) {
    devices.set(one.device!, Float32Array.from(times, (_time, i) => {
      const value = one.values[i] ?? null;
      return value === null ? Number.NaN : value * scale;
    }));
  }
  return { times, devices };
}

export const toColumns = (history: History, metric: Metric): Columns =>
  seriesColumns(history, HISTORY_NAMES[metric].name, HISTORY_NAMES[metric].scale);

/** The columns from a moment to another, in seconds, edges in. */
export function slice(columns: Columns, from: number, to: number): Columns {
  let first = 0;
  while (first < columns.times.length && columns.times[first]! < from) ++first;
  let last = columns.times.length;
  while (last > first && columns.times[last - 1]! > to) --last;
  const devices = new Map<number, Float32Array>();
  for (const [index, values] of columns.devices) devices.set(index, values.subarray(first, last));
  return { times: columns.times.subarray(first, last), devices };
}
