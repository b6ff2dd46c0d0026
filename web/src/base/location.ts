// SPDX-License-Identifier: Apache-2.0
// The address is the one place where the state of the page lives: what it shows can be sent.
import { useMemo, useSyncExternalStore } from 'react';

type Listener = () => void;
const listeners = new Set<Listener>();

function subscribe(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed(): void {
  for (const listener of listeners) listener();
}

addEventListener('popstate', changed);

const current = (): string => location.pathname + location.search;

/** Goes to an address of this page. `replace`: without a step that Back would undo. */
export function go(to: string, replace = false): void {
  if (to === current()) return;
  if (replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  changed();
}

export interface Place {
  path: string;
  query: URLSearchParams;
}

export function usePlace(): Place {
  const text = useSyncExternalStore(subscribe, current);
  return useMemo(() => {
    const at = text.indexOf('?');
    return {
      path: at < 0 ? text : text.slice(0, at),
      query: new URLSearchParams(at < 0 ? '' : text.slice(at)),
    };
  }, [text]);
}

/** What the page shows now, for those that are no component. */
export const placeNow = (): Place =>
  ({ path: location.pathname, query: new URLSearchParams(location.search) });

export type Changes = Record<string, string | null>;

/** The address of `path` with the parameters changed; null takes one away. */
export function address(path: string, query: URLSearchParams, changes: Changes): string {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') next.delete(name);
    else next.set(name, value);
  }
  // What an address may hold as it is stays readable.
  const text = next.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  return text === '' ? path : `${path}?${text}`;
}

/** Changes parameters of this address. */
export function change(changes: Changes, replace = true): void {
  const place = placeNow();
  go(address(place.path, place.query, changes), replace);
}

/** What goes along from page to page: devices and time. */
const KEPT = ['device', 'w', 'at', 'from', 'to', 'tv'];

/** The address of another page with what goes along. */
export function pageAddress(path: string, query: URLSearchParams): string {
  const kept = new URLSearchParams();
  for (const name of KEPT) {
    const value = query.get(name);
    if (value !== null) kept.set(name, value);
  }
  return address(path, kept, {});
}
