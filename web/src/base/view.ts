// SPDX-License-Identifier: Apache-2.0
// Which time and which devices the page shows: read from the address, written to it.
import { useMemo } from 'react';
import { change, usePlace } from './location';

export const WINDOWS: readonly { name: string; seconds: number; history: boolean }[] = [
  { name: '1m', seconds: 60, history: false },
  { name: '5m', seconds: 300, history: false },
  { name: '15m', seconds: 900, history: false },
  { name: '1h', seconds: 3600, history: true },
  { name: '6h', seconds: 21_600, history: true },
  { name: '24h', seconds: 86_400, history: true },
  { name: '7d', seconds: 604_800, history: true },
];
const DEFAULT_WINDOW = '5m';

export interface View {
  mode: 'live' | 'paused' | 'range';
  window: string;
  seconds: number;
  /** Of a range, or the moment of the pause, in ms. */
  from: number | null;
  to: number | null;
  /** Indices of the chosen devices; null is all. */
  devices: readonly number[] | null;
  /** What of the address was not understood, as a sentence each. */
  problems: readonly string[];
}

const shortened = (text: string): string => (text.length <= 40 ? text : `${text.slice(0, 39)}…`);

const TIMES = ['from', 'to', 'at'] as const;

/** Reads a view from the parameters of an address; what it cannot read it leaves out and names. */
export function readView(query: URLSearchParams): View {
  const problems: string[] = [];
  const wanted = query.get('w') ?? DEFAULT_WINDOW;
  const known = WINDOWS.find((one) => one.name === wanted) ??
    WINDOWS.find((one) => one.name === DEFAULT_WINDOW)!;
  if (known.name !== wanted) problems.push(`“${shortened(wanted)}” is no span of time.`);
  const [from, to, paused] = TIMES.map((name) => {
    const value = query.get(name);
    const ms = value === null ? Number.NaN : Date.parse(value);
    if (value !== null && !Number.isFinite(ms)) problems.push(`“${shortened(value)}” is no time.`);
    return Number.isFinite(ms) ? ms : null;
  }) as [number | null, number | null, number | null];
  if (from !== null && to !== null && from >= to) problems.push('Its range ends before it begins.');
  if (query.has('from') !== query.has('to')) problems.push('A range has a beginning and an end.');
  const named = (query.get('device') ?? '').split(',').filter((text) => text !== '');
  const chosen = named.filter((text) => /^\d{1,4}$/.test(text)).map(Number);
  if (chosen.length < named.length) problems.push('A device is chosen by its index.');
  const devices = chosen.length > 0 ? [...new Set(chosen)].sort((a, b) => a - b) : null;
  const base = { window: known.name, devices, problems };
  if (from !== null && to !== null && from < to) {
    return { ...base, mode: 'range', seconds: (to - from) / 1000, from, to };
  }
  if (paused !== null) {
    return { ...base, mode: 'paused', seconds: known.seconds,
      from: paused - known.seconds * 1000, to: paused };
  }
  return { ...base, mode: 'live', seconds: known.seconds, from: null, to: null };
}

export function useView(): View {
  const { query } = usePlace();
  return useMemo(() => readView(query), [query]);
}

const text = (ms: number): string => new Date(ms).toISOString();

export const goLive = (): void => change({ at: null, from: null, to: null }, false);
export const pauseAt = (ms: number): void => change({ at: text(ms), from: null, to: null }, false);
export const showRange = (from: number, to: number): void =>
  change({ from: text(from), to: text(to), at: null }, false);
/** All devices, live: out of whatever an address said. */
export const startAnew = (): void => change({ w: null, at: null, from: null, to: null, device: null });
export const showWindow = (name: string): void =>
  change({ w: name === DEFAULT_WINDOW ? null : name, from: null, to: null });
export const chooseDevices = (devices: readonly number[] | null): void =>
  change({ device: devices === null || devices.length === 0 ? null : devices.join(',') });
