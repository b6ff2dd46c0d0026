// SPDX-License-Identifier: Apache-2.0
// Colours of a heat map: low is the colour of the surface, so that what is idle is quiet.
import type { Theme } from '../base/theme';

type Rgb = readonly [number, number, number];
// Steps along cividis, which people of every colour vision read alike; for light it runs to dark.
const STOPS: Record<Theme, readonly Rgb[]> = {
  dark: [[21, 27, 35], [18, 48, 102], [53, 69, 108], [93, 98, 112], [138, 134, 120],
    [188, 175, 111], [254, 232, 56]],
  light: [[240, 242, 245], [213, 222, 238], [160, 181, 217], [107, 135, 190], [66, 91, 152],
    [32, 56, 114], [0, 34, 78]],
};
const STEPS = 256;
const made = new Map<Theme, Uint32Array>();

/** 256 colours as the bytes of ImageData (ABGR, opaque). */
export function ramp(theme: Theme): Uint32Array {
  const known = made.get(theme);
  if (known !== undefined) return known;
  const stops = STOPS[theme];
  const table = new Uint32Array(STEPS);
  for (let i = 0; i < STEPS; ++i) {
    const at = (i / (STEPS - 1)) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    const part = at - low;
    const mix = (c: 0 | 1 | 2): number =>
      Math.round(stops[low]![c] + part * (stops[low + 1]![c] - stops[low]![c]));
    table[i] = (0xff << 24 | mix(2) << 16 | mix(1) << 8 | mix(0)) >>> 0;
  }
  made.set(theme, table);
  return table;
}
