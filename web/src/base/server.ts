// SPDX-License-Identifier: Apache-2.0
// The one client of this page, and the questions that more than one part of it asks.
import { GpuvigilClient, type Device, type Status } from '@gpuvigil/client';
import { usePoll, type Polled } from './poll';

export const server = new GpuvigilClient();

export const useStatus = (): Polled<Status> =>
  usePoll('status', (signal) => server.status({}, { signal }), 2000);

export const useAlerts = () =>
  usePoll('alerts', (signal) => server.alerts({ state: 'all', limit: 200 }, { signal }), 5000);

const NO_DEVICES: readonly Device[] = [];
/** All devices, as far as they are known by now. */
export const useDevices = (): readonly Device[] => useStatus().data?.devices ?? NO_DEVICES;

interface Contract {
  paths: Record<string, unknown>;
}
/** True when this server offers a path. What it does not offer is absent, not dead. */
export function useOffers(path: string): boolean {
  const contract = usePoll('contract',
    (signal) => server.contract({ signal }) as Promise<unknown> as Promise<Contract>, Infinity);
  return contract.data !== null && path in contract.data.paths;
}
export const HISTORY = '/api/v1/gpu/history';
