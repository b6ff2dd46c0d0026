// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them. Each takes a known number: what is not known goes to <Value>.

// Three digits, so that numbers under one another can be compared at a glance.
const three = (value: number): string =>
  value >= 100 || value === 0 ? value.toFixed(0) : value.toPrecision(3);

export const percent = (value: number): string =>
  `${value < 10 && value > 0 ? value.toFixed(1) : value.toFixed(0)} %`;
export const exactPercent = (value: number): string => `${value.toFixed(1)} %`;
export const count = (value: number): string => value.toLocaleString('en-US');
export const watts = (value: number): string =>
  value >= 10_000 ? `${(value / 1000).toFixed(1)} kW` : `${value.toFixed(0)} W`;
export const celsius = (value: number): string => `${value.toFixed(0)} °C`;
export const megahertz = (value: number): string => `${count(value)} MHz`;

/** A size in MiB. */
export function memory(mb: number): string {
  if (mb < 1000) return `${three(mb)} MiB`;
  if (mb < 1024 * 1000) return `${(mb / 1024).toFixed(1)} GiB`;
  return `${(mb / 1024 / 1024).toFixed(2)} TiB`;
}

export const bytes = (value: number): string =>
  value < 1024 ? `${value} B` : value < 1 << 20 ? `${three(value / 1024)} KiB` : memory(value / (1 << 20));

/** "40.6 of 79.6 GiB". */
export function memoryOf(used: number, total: number): string {
  if (used < 1000 || total < 1000) return `${memory(used)} of ${memory(total)}`;
  return `${(used / 1024).toFixed(1)} of ${(total / 1024).toFixed(1)} GiB`;
}

/** A duration of GPU work, in ms. */
export function duration(ms: number): string {
  if (ms < 0.001) return `${Math.round(ms * 1e6)} ns`;
  if (ms < 0.9995) return `${three(ms * 1e3)} µs`;
  if (ms < 999.5) return `${three(ms)} ms`;
  if (ms < 99_950) return `${three(ms / 1000)} s`;
  return span(ms / 1000);
}

/** The same as short as it can be, for axes. */
export const shortDuration = (ms: number): string =>
  duration(ms).replace(/\.(\d*?)0+ /, (_all, digits: string) => (digits === '' ? ' ' : `.${digits} `));

/** A time in whole seconds. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 === 0 ? `${s / 60} min` : `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor(s / 3600) % 24} h`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** The time of day of a moment in ms, where the reader is. */
export function clock(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Day and time of a moment. */
export function moment(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(ms)}`;
}

export const ago = (seconds: number): string => (seconds < 1.5 ? 'now' : `${span(seconds)} ago`);

/** 'sm_active_percent' to 'sm active'. */
export const words = (name: string): string => name.replaceAll('_', ' ');

export const plural = (n: number, one: string, many = `${one}s`): string =>
  `${count(n)} ${n === 1 ? one : many}`;
