// SPDX-License-Identifier: Apache-2.0
// Counts of durations in buckets. They only ever grow, so what is between two of their states is
// what happened between.
import type { KernelDetail } from '@gpuvigil/client';

export type Buckets = KernelDetail['histogram']['buckets'];

/** What was counted after `earlier`; null where that is not the same count's past. */
export function countedSince(now: Buckets, earlier: Buckets): Buckets | null {
  const before = new Map(earlier.map((bucket) => [bucket.from_ms, bucket.count]));
  const found: Buckets = [];
  for (const bucket of now) {
    const count = bucket.count - (before.get(bucket.from_ms) ?? 0);
    before.delete(bucket.from_ms);
    if (count < 0) return null;
    if (count > 0) found.push({ ...bucket, count });
  }
  return before.size === 0 ? found : null;
}

export const callsOf = (buckets: Buckets): number =>
  buckets.reduce((sum, bucket) => sum + bucket.count, 0);

/** The nearest rank, in ms: the middle of its bucket, which is two per cent wide. */
export function percentile(buckets: Buckets, part: number): number | null {
  const all = callsOf(buckets);
  if (all === 0) return null;
  const rank = Math.max(1, Math.ceil(part * all));
  let seen = 0;
  for (const bucket of [...buckets].sort((a, b) => a.from_ms - b.from_ms)) {
    seen += bucket.count;
    if (seen >= rank) return (bucket.from_ms + (bucket.to_ms ?? bucket.from_ms)) / 2;
  }
  return null;
}
