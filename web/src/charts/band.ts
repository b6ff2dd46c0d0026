// SPDX-License-Identifier: Apache-2.0
// Many devices as five lines: the least, p10, median, p90 and the most of each moment.
import type { Columns } from '../live/ring';

export type Line = (number | null)[];
export const BAND = ['min', 'p10', 'median', 'p90', 'max'] as const;
const RANKS = [0, 0.1, 0.5, 0.9, 1];

/** Remembers what it has sorted: a tick brings one new column, and not all of them. */
export class Bands {
  #known = new Map<number, readonly (number | null)[]>();
  #key = '';

  /** The five lines over `columns`; `key` names which devices they hold. */
  lines(columns: Columns, devices: readonly number[], key: string): Line[] {
    if (key !== this.#key) this.#known.clear();
    this.#key = key;
    const next = new Map<number, readonly (number | null)[]>();
    const lines: Line[] = RANKS.map(() => new Array<number | null>(columns.times.length));
    const rows = devices.map((index) => columns.devices.get(index))
      .filter((row) => row !== undefined);
    const last = columns.times.length - 1;
    for (let i = 0; i <= last; ++i) {
      const time = columns.times[i]!;
      // The newest column may still change: it is sorted each time.
      const ranks = (i === last ? undefined : this.#known.get(time)) ?? ranksOf(rows, i);
      next.set(time, ranks);
      for (let r = 0; r < RANKS.length; ++r) lines[r]![i] = ranks[r]!;
    }
    this.#known = next;
    return lines;
  }
}

function ranksOf(rows: readonly Float32Array[], column: number): (number | null)[] {
  const values = new Float32Array(rows.length);
  let count = 0;
  for (const row of rows) {
    const value = row[column]!;
    if (value === value) values[count++] = value;
  }
  if (count === 0) return RANKS.map(() => null);
  const sorted = values.subarray(0, count).sort();
  return RANKS.map((rank) => sorted[Math.round(rank * (count - 1))]!);
}
