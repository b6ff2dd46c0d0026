// SPDX-License-Identifier: Apache-2.0
// Keys: one table, read by the listener and by the help.
import { useEffect } from 'react';
import { change, go, pageAddress, placeNow } from '../base/location';
import { toggleTheme } from '../base/theme';
import { chooseDevices, goLive, pauseAt, readView } from '../base/view';
import { ring } from '../live/live';

const OFF = 'gpuvigil.keys';

export const PAGES: readonly { key: string; path: string; name: string }[] = [
  { key: 'o', path: '/', name: 'Overview' },
  { key: 'd', path: '/devices', name: 'Devices' },
  { key: 'k', path: '/kernels', name: 'Kernels' },
  { key: 'p', path: '/processes', name: 'Processes' },
  { key: 'a', path: '/alerts', name: 'Alerts' },
  { key: 'e', path: '/explore', name: 'Explore' },
  { key: 'l', path: '/timeline', name: 'Timeline' },
  { key: 's', path: '/system', name: 'System' },
];

export const HELP: readonly [string, string][] = [
  ['?', 'This help'],
  ['Ctrl K', 'Pages, devices, kernels and actions by a few letters'],
  ['g then a letter', PAGES.map((page) => `${page.key} ${page.name}`).join(', ')],
  ['Space', 'Pause, and go on'],
  ['0', 'Back to live and to all devices'],
  ['/', 'Search kernels'],
  ['j k, ↓ ↑', 'Next and previous row'],
  ['Enter', 'Open the row'],
  ['[ ]', 'Previous and next in the drawer'],
  ['Esc', 'Close'],
  ['F8', 'To the alerts that begin or end'],
  ['Shift 1 … 9', 'Choose the first to the ninth device, or not'],
  ['t', 'Dark or light'],
  ['w s a d , . f', 'On a timeline: closer, back, along, next, all'],
  ['← → in a chart', 'Move the cursor; with Shift choose a range, Enter shows it'],
];

export function togglePause(): void {
  const view = readView(placeNow().query);
  if (view.mode === 'live') pauseAt(ring.newest === 0 ? Date.now() : ring.newest * 1000);
  else goLive();
}

function toggleDevice(index: number): void {
  const chosen = new Set(readView(placeNow().query).devices ?? []);
  if (!chosen.delete(index)) chosen.add(index);
  chooseDevices([...chosen]);
}

export const keysAreOn = (): boolean => {
  try {
    return localStorage.getItem(OFF) !== 'off';
  } catch {
    return true;
  }
};

export function switchKeys(on: boolean): void {
  try {
    localStorage.setItem(OFF, on ? 'on' : 'off');
  } catch {
    // They stay as they are, then.
  }
}

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.matches(
    'input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]');

/** Listens to keys that hold on every page. */
export function useKeys(showHelp: (show: (before: boolean) => boolean) => void,
  showPalette: (show: boolean) => void): void {
  useEffect(() => {
    let leader = Number.NEGATIVE_INFINITY;
    const hear = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key === 'k') {
        event.preventDefault(); // the browser's own search
        showPalette(true);
      }
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (document.querySelector('dialog[open]') !== null && event.key !== '?') return;
      if (event.key === 'Escape') {
        showHelp(() => false);
        return;
      }
      if (typing(event.target) || !keysAreOn()) return;
      const led = performance.now() - leader < 1500;
      leader = Number.NEGATIVE_INFINITY;
      if (!act(event, led)) return;
      event.preventDefault();
    };
    const act = (event: KeyboardEvent, led: boolean): boolean => {
      const { query } = placeNow();
      if (led) {
        const page = PAGES.find((one) => one.key === event.key);
        if (page !== undefined) go(pageAddress(page.path, query));
        return page !== undefined;
      }
      const digit = /^Digit([1-9])$/.exec(event.code);
      if (event.shiftKey && digit) toggleDevice(Number(digit[1]) - 1);
      else if (event.key === 'g') leader = performance.now();
      else if (event.key === '?') showHelp((before) => !before);
      else if (event.key === '0') change({ at: null, from: null, to: null, device: null });
      else if (event.key === 't') toggleTheme();
      else if (event.key === '/') {
        go(pageAddress('/kernels', query));
        requestAnimationFrame(() => document.getElementById('search')?.focus());
      } else if (event.key === ' ' && !(event.target instanceof HTMLButtonElement ||
          event.target instanceof HTMLAnchorElement)) togglePause();
      else return false;
      return true;
    };
    addEventListener('keydown', hear);
    return () => removeEventListener('keydown', hear);
  }, [showHelp, showPalette]);
}
