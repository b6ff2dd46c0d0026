// SPDX-License-Identifier: Apache-2.0
// The last quarter of an hour of the live stream, in arrays of fixed size.
import type { StreamMetrics } from '@gpuvigil/client';

export const METRICS = ['gpu_utilization', 'memory_used_mb', 'power_watts', 'temperature_celsius'] as
  const;
export type Metric = (typeof METRICS)[number];

const CAPACITY = 900;
/** A message later than this many periods after the one before has left a gap. */
const GAP_PERIODS = 1.75;
const MOST_DEVICES = 1024;

/** Columns in the order of time. NaN: nobody said a value then. */
export interface Columns {
  /** Seconds since 1970, ascending. */
  times: Float64Array;
  /** By device index; each as long as `times`. */
  devices: Map<number, Float32Array>;
}

/**
 * Values of each device at each message of the stream; the oldest fall out. Where messages are
 * missing there is a column without values, so that no line is drawn over what nobody saw.
 */
export class Ring {
  readonly #times = new Float64Array(CAPACITY);
  readonly #values = new Map<number, Float32Array[]>();
  #next = 0; // where the next message goes
  #size = 0;
  #periodSeconds = 1;

  get size(): number {
    return this.#size;
  }

  /** Seconds since 1970 of the newest message; 0 without one. */
  get newest(): number {
    return this.#size === 0 ? 0 : this.#times[(this.#next + CAPACITY - 1) % CAPACITY]!;
  }

  get oldest(): number {
    return this.#size === 0 ? 0 : this.#times[(this.#next + CAPACITY - this.#size) % CAPACITY]!;
  }

  get periodSeconds(): number {
    return this.#periodSeconds;
  }

  push(message: StreamMetrics): void {
    const at = Date.parse(message.timestamp) / 1000;
    const before = this.newest;
    if (!Number.isFinite(at) || at <= before) return; // the same frame once more
    if (before > 0) {
      const passed = at - before;
      if (passed > GAP_PERIODS * this.#periodSeconds) this.#open(before + this.#periodSeconds);
      else this.#periodSeconds += 0.2 * (passed - this.#periodSeconds);
    }
    const slot = this.#open(at);
    for (const device of message.devices) this.#put(slot, device);
  }

  /** Values of one metric from a moment to another, in seconds, edges in. */
  columns(metric: Metric, from: number, to: number): Columns {
    const first = this.#find(from);
    const last = this.#find(to + 1e-6);
    const count = Math.max(0, last - first);
    const times = new Float64Array(count);
    this.#copy(this.#times, first, times);
    const devices = new Map<number, Float32Array>();
    const which = METRICS.indexOf(metric);
    for (const [index, columns] of this.#values) {
      const values = new Float32Array(count);
      this.#copy(columns[which]!, first, values);
      devices.set(index, values);
    }
    return { times, devices };
  }

  #open(at: number): number {
    const slot = this.#next;
    this.#times[slot] = at;
    this.#next = (slot + 1) % CAPACITY;
    this.#size = Math.min(this.#size + 1, CAPACITY);
    for (const columns of this.#values.values()) {
      for (const column of columns) column[slot] = Number.NaN;
    }
    return slot;
  }

  #put(slot: number, device: StreamMetrics['devices'][number]): void {
    let columns = this.#values.get(device.index);
    if (columns === undefined) {
      if (this.#values.size >= MOST_DEVICES) return;
      columns = METRICS.map(() => new Float32Array(CAPACITY).fill(Number.NaN));
      this.#values.set(device.index, columns);
    }
    for (let i = 0; i < METRICS.length; ++i) {
      columns[i]![slot] = device[METRICS[i]!] ?? Number.NaN;
    }
  }

  /** How many columns are before `at`. */
  #find(at: number): number {
    let low = 0;
    let high = this.#size;
    const oldest = this.#next + CAPACITY - this.#size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#times[(oldest + middle) % CAPACITY]! < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #copy(from: Float64Array | Float32Array, first: number, to: Float64Array | Float32Array): void {
    const start = (this.#next + CAPACITY - this.#size + first) % CAPACITY;
    const one = Math.min(to.length, CAPACITY - start);
    to.set(from.subarray(start, start + one));
    if (one < to.length) to.set(from.subarray(0, to.length - one), one);
  }
}
