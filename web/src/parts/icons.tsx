// SPDX-License-Identifier: Apache-2.0
// The few signs of the dashboard, drawn on 16 by 16.

const PATHS = {
  overview: 'M2 2h5v5H2zM9 2h5v3H9zM9 7h5v7H9zM2 9h5v5H2z',
  devices: 'M4 4h8v8H4zM6.5 6.5h3v3h-3zM6 4V1.5M10 4V1.5M6 14.5V12M10 14.5V12M4 6H1.5M4 10H1.5M14.5 6H12M14.5 10H12',
  kernels: 'M2 3.5h9M2 8h12M2 12.5h6',
  processes: 'M8 1.5 14 5v6l-6 3.5L2 11V5zM2 5l6 3.5L14 5M8 8.5v6',
  alerts: 'M4 11V7a4 4 0 0 1 8 0v4l1.5 1.5h-11zM6.8 14.5h2.4',
  system: 'M1.5 8h3l2-5 3 10 2-5h3',
  docs: 'M5 4 1.5 8 5 12M11 4l3.5 4L11 12',
  theme: 'M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12',
  pause: 'M5 3v10M11 3v10',
  play: 'M4.5 2.5 13 8l-8.5 5.5z',
  help: 'M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.8-1.1 1.6M8 12.4v.2',
  close: 'm3.5 3.5 9 9M12.5 3.5l-9 9',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14',
  link: 'M6.5 9.5 9.5 6.5M7 4l1.5-1.5a3.2 3.2 0 0 1 5 5L12 9M9 12l-1.5 1.5a3.2 3.2 0 0 1-5-5L4 7',
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name }: { name: IconName }): React.JSX.Element => (
  <svg className="icon" viewBox="0 0 16 16" aria-hidden="true"><path d={PATHS[name]} /></svg>
);

/** A state by shape, word and colour. */
export type Level = 'ok' | 'warning' | 'critical' | 'unknown';
const MARKS: Record<Level, string> = { ok: '●', warning: '▲', critical: '✖', unknown: '?' };

export const Mark = ({ level, children }: { level: Level; children?: React.ReactNode }) => (
  <span className="mark" data-level={level}><span aria-hidden="true">{MARKS[level]}</span>
    {children !== undefined && <> {children}</>}</span>
);

export const healthLevel = (health: string): Level =>
  health === 'ok' ? 'ok' : health === 'degraded' ? 'warning'
    : health === 'failed' || health === 'lost' ? 'critical' : 'unknown';
