// SPDX-License-Identifier: Apache-2.0
// The metrics that history keeps: those with a name of their own, then the catalogue of the contract.
import { bytes, celsius, count, exactPercent, megahertz, span, watts, words } from './format';
import { useContract } from './server';

export interface MetricEntry {
  /** As history and rules call it. */
  name: string;
  title: string;
  about: string;
}

const NAMED: readonly [string, string][] = [
  ['gpu_utilization', 'Time in which the device was busy.'],
  ['kernel_busy', 'Time in which a kernel ran.'], ['memory_usage', 'Used over all device memory.'],
  ['memory_used', 'Device memory in use.'], ['temperature', 'Of the chip.'], ['power', 'Of the board.'],
  ['sm_clock', 'Clock of the multiprocessors.'], ['memory_clock', 'Clock of the memory.'],
  ['device_healthy', '1 while it is there and well.'], ['device_lost', '1 while it does not answer.'],
];
/** In the contract a name ends with its unit. */
const UNIT = /_(percent|watts|celsius|mhz|mb|seconds|joules)$/;

export function useCatalogue(): readonly MetricEntry[] {
  const contract = useContract();
  const entry = (name: string, about: string): MetricEntry => ({ name, title: words(name), about });
  const rest = contract?.components.schemas['DeviceMetrics']?.properties ?? {};
  return [...NAMED.map(([name, about]) => entry(name, about)),
    ...Object.entries(rest).filter(([name]) => name !== 'reasons')
      .map(([name, one]) => entry(name.replace(UNIT, ''), one.description ?? ''))];
}

const UNITS: Record<string, (value: number) => string> = { percent: exactPercent, watts, celsius,
  bytes, mhz: megahertz, seconds: span, joules: (j) => `${(j / 3.6e6).toPrecision(3)} kWh` };

/** A value of history as people read it. */
export const unitText = (unit: string): ((value: number) => string) => UNITS[unit] ??
  ((value) => (Number.isInteger(value) ? count(value) : value.toPrecision(4)));
