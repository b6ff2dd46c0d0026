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
}

/** Reads a view from the parameters of an address; what it cannot read it leaves out. */
export function readView(query: URLSearchParams): View {
  const known = WINDOWS.find((one) => one.name === query.get('w')) ??
    WINDOWS.find((one) => one.name === DEFAULT_WINDOW)!;
  const at = (name: string): number | null => {
    const value = Date.parse(query.get(name) ?? '');
    return Number.isFinite(value) ? value : null;
  };
  const [from, to, paused] = [at('from'), at('to'), at('at')];
  const chosen = (query.get('device') ?? '').split(',')
    .filter((text) => /^\d{1,4}$/.test(text)).map(Number);
  const devices = chosen.length > 0 ? [...new Set(chosen)].sort((a, b) => a - b) : null;
  const base = { window: known.name, devices };
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
export const showWindow = (name: string): void =>
  change({ w: name === DEFAULT_WINDOW ? null : name, from: null, to: null });
export const chooseDevices = (devices: readonly number[] | null): void =>
  change({ device: devices === null || devices.length === 0 ? null : devices.join(',') });
