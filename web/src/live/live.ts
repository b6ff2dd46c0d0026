// SPDX-License-Identifier: Apache-2.0
// The live stream of this page: one connection, one ring, whoever draws listens.
import { useSyncExternalStore } from 'react';
import type { StreamMetrics, StreamState } from '@gpuvigil/client';
import { refreshAll } from '../base/poll';
import { server } from '../base/server';
import { Ring } from './ring';

export interface Link {
  state: 'connecting' | 'live' | 'stale' | 'offline';
  /** Seconds since the newest message, where that matters. */
  age: number;
  /** Messages that the server dropped because this page was too slow. */
  dropped: number;
}

const STALE_MS = 4000;

export const ring = new Ring();
/** The newest message. */
export let latest: StreamMetrics | null = null;

const tickers = new Set<() => void>();
const linkListeners = new Set<() => void>();
let link: Link = { state: 'connecting', age: 0, dropped: 0 };
let heardAt = 0;
let socket: StreamState['name'] = 'connecting';

/** Calls on each message of the stream, once a frame of the screen. */
export function onTick(listener: () => void): () => void {
  tickers.add(listener);
  return () => tickers.delete(listener);
}

let planned = false;
function tick(): void {
  planned = false;
  const began = performance.now();
  for (const listener of tickers) listener();
  tickCosts.push(performance.now() - began);
  if (tickCosts.length > 120) tickCosts.shift();
}
/** How long the last ticks took, in ms: shown on the page of the system, read by a test. */
export const tickCosts: number[] = [];

function plan(): void {
  if (planned || document.hidden) return;
  planned = true;
  requestAnimationFrame(tick);
}

/** Draws everything anew that follows the stream: another time or theme is to be shown. */
export const redraw = plan;

function setLink(next: Link): void {
  if (next.state === link.state && next.age === link.age && next.dropped === link.dropped) return;
  link = next;
  for (const listener of linkListeners) listener();
}

function judge(): void {
  const age = heardAt === 0 ? 0 : performance.now() - heardAt;
  const dropped = latest?.dropped ?? 0;
  const seconds = Math.floor(age / 1000);
  if (socket === 'open' && heardAt > 0 && age < STALE_MS) {
    setLink({ state: 'live', age: 0, dropped });
  } else if (socket === 'open' && heardAt > 0) {
    setLink({ state: 'stale', age: seconds, dropped });
  } else if (heardAt === 0 && socket !== 'waiting') {
    setLink({ state: 'connecting', age: 0, dropped });
  } else {
    setLink({ state: 'offline', age: seconds, dropped });
  }
}

function hear(message: StreamMetrics): void {
  latest = message;
  heardAt = performance.now();
  ring.push(message);
  judge();
  plan();
}

let stream: ReturnType<typeof server.stream> | null = null;

/** Connects; for the life of the page. */
export function startLive(): void {
  if (stream !== null) return;
  stream = server.stream({ recent: 20, channels: ['metrics', 'alerts'] }, {
    metrics: hear,
    alert: () => refreshAll(),
    state: (state) => {
      const back = state.name === 'open' && heardAt > 0;
      socket = state.name;
      judge();
      if (back) refreshAll();
    },
  });
  setInterval(judge, 1000);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) plan();
  });
  addEventListener('online', () => stream?.retryNow());
}

export function stopLive(): void {
  stream?.close();
  stream = null;
}

export const retryNow = (): void => stream?.retryNow();

export const useLink = (): Link => useSyncExternalStore(
  (listener) => {
    linkListeners.add(listener);
    return () => linkListeners.delete(listener);
  }, () => link);

let snapshot: StreamMetrics | null = null;
/** The newest message, for what is text: renders once a message. */
export const useLatest = (): StreamMetrics | null => useSyncExternalStore(
  (listener) => onTick(() => {
    snapshot = latest;
    listener();
  }), () => snapshot);
