// SPDX-License-Identifier: Apache-2.0
// Where an axis of memory has its values.

/** Steps of a power of two: 20, 40, 60 GiB rather than 19.5, 39.1. */
export function binarySplits(top: number): number[] {
  const steps = [1, 2, 4, 5, 8, 10, 16, 20, 32, 40, 50, 64, 100, 128, 200, 256, 500, 512, 1000];
  const unit = top >= 1024 ? 1024 : 1;
  const step = unit * (steps.find((one) => top / unit / one <= 4.01) ?? 2000);
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step);
}
