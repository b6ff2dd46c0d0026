// SPDX-License-Identifier: Apache-2.0
// How much GPU time each kernel took over the last five minutes, in equal steps. The server keeps
// sums over windows that end now; what is between two of them is one step.
import { useEffect, useState } from 'react';
import { server } from '../base/server';

export const BIN_SECONDS = 20;
const BINS = 15;
const ROWS = 200;
const PAUSE_MS = 40; // between two questions: others may ask, too

export type Trends = ReadonlyMap<string, readonly (number | null)[]>;

/** Sums over windows of 1, 2, … steps back, as steps in the order of time; null: not covered. */
export function toBins(sums: readonly (ReadonlyMap<string, number> | null)[]): Trends {
  const ids = new Set<string>();
  for (const sum of sums) for (const id of sum?.keys() ?? []) ids.add(id);
  const trends = new Map<string, (number | null)[]>();
  for (const id of ids) {
    let before = 0;
    trends.set(id, sums.map((sum) => {
      if (sum === null) return null;
      const total = sum.get(id) ?? before;
      const step = Math.max(0, total - before);
      before = Math.max(before, total);
      return step;
    }).reverse());
  }
  return trends;
}

async function ask(steps: number, devices: readonly number[] | null, signal: AbortSignal) {
  const seconds = steps * BIN_SECONDS;
  const answer = await server.kernels({ since: `${seconds}s`, sort_by: 'total_time', kind: 'all',
    limit: ROWS, ...(devices === null ? {} : { device: devices.map(String) }) }, { signal });
  const covered = (Date.parse(answer.window.to) - Date.parse(answer.window.from)) / 1000;
  if (covered < seconds - BIN_SECONDS / 2) return null; // the server has not run for so long
  return new Map(answer.kernels.map((row) => [row.id, row.total_time_ms]));
}

/** By kernel id, the newest step last. Empty until it is known. */
export function useTrends(devices: readonly number[] | null): Trends {
  const [trends, setTrends] = useState<Trends>(new Map());
  useEffect(() => {
    const stop = new AbortController();
    const turn = async (): Promise<void> => {
      const sums: (ReadonlyMap<string, number> | null)[] = [];
      for (let steps = 1; steps <= BINS; ++steps) {
        const sum = sums.at(-1) === null ? null : await ask(steps, devices, stop.signal);
        sums.push(sum);
        await new Promise((done) => setTimeout(done, PAUSE_MS));
      }
      if (!stop.signal.aborted) setTrends(toBins(sums));
    };
    const quietly = (): void => void turn().catch(() => {
      // The table itself says what is wrong with the server.
    });
    quietly();
    const timer = setInterval(() => {
      if (!document.hidden) quietly();
    }, BIN_SECONDS * 1000);
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, [devices?.join()]);
  return trends;
}
