// SPDX-License-Identifier: Apache-2.0
import { address, placeNow } from '../base/location';
import { readView } from '../base/view';
import { ring } from './live';

/** This address with the time that it shows now, so that who opens it later sees the same. */
export function lastingAddress(): string {
  const { path, query } = placeNow();
  const view = readView(query);
  if (view.mode !== 'live' || ring.newest === 0) return address(path, query, {});
  return address(path, query, { w: null, at: null,
    from: new Date((ring.newest - view.seconds) * 1000).toISOString(),
    to: new Date(ring.newest * 1000).toISOString() });
}
