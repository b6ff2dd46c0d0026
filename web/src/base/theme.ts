// SPDX-License-Identifier: Apache-2.0
// Dark or light: as the system says, until somebody chooses. Canvases ask for the colours here.

import { useSyncExternalStore } from 'react';

export type Theme = 'dark' | 'light';
const KEY = 'gpuvigil.theme';
const system = matchMedia('(prefers-color-scheme: light)');
const listeners = new Set<() => void>();

function chosen(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'dark' || value === 'light' ? value : null;
  } catch {
    return null; // storage may be off
  }
}

let colors: Colors | null = null;
let now: Theme = chosen() ?? (system.matches ? 'light' : 'dark');

function apply(): void {
  document.documentElement.dataset['theme'] = now;
  colors = null;
  for (const listener of listeners) listener();
}

export const theme = (): Theme => now;

export function onTheme(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useTheme = (): Theme => useSyncExternalStore(onTheme, theme);

export function toggleTheme(): void {
  now = now === 'dark' ? 'light' : 'dark';
  try {
    localStorage.setItem(KEY, now);
  } catch {
    // It holds until the page is left, then.
  }
  apply();
}

system.addEventListener('change', () => {
  if (chosen() === null) {
    now = system.matches ? 'light' : 'dark';
    apply();
  }
});

export interface Colors {
  surface: string;
  text: string;
  soft: string;
  line: string;
  accent: string;
  series: readonly string[];
}

const SERIES = {
  dark: {
    few: ['#5e71f3', '#ffd146', '#a9efcc', '#d7677e', '#d5c7fe', '#4b9a0d'],
    many: ['#9ceacc', '#d4b6ea', '#c688a1', '#8775c8', '#db4185', '#0b9d3e', '#ceec87', '#98b722'],
  },
  light: {
    few: ['#4932a4', '#889e00', '#b37685', '#246c0a', '#7b74f4', '#6b2336'],
    many: ['#2b4b16', '#bb758c', '#607be5', '#2b6e5e', '#7e8a40', '#77072e', '#4c0595', '#8b408d'],
  },
} as const;

/** The colour of each of so many series: told apart by people of every colour vision. */
export function seriesColors(count: number): readonly string[] {
  return count <= 6 ? SERIES[now].few : SERIES[now].many;
}

/** The colours of canvases; the style sheet's own. */
export function canvasColors(): Colors {
  if (colors === null) {
    const style = getComputedStyle(document.documentElement);
    const read = (name: string): string => style.getPropertyValue(name).trim();
    colors = { surface: read('--surface'), text: read('--text'), soft: read('--soft'),
      line: read('--line'), accent: read('--accent'), series: SERIES[now].few };
  }
  return colors;
}

apply();
