// SPDX-License-Identifier: Apache-2.0
import type { Device } from '@gpuvigil/client';
import { Heatmap } from '../charts/heatmap';
import { LineChart } from '../charts/line_chart';
import { celsius, duration, exactPercent, memory, percent, watts } from '../base/format';
import { pageAddress, usePlace } from '../base/location';
import { usePoll } from '../base/poll';
import { server, useAlerts, useStatus } from '../base/server';
import { useView } from '../base/view';
import { useLatest } from '../live/live';
import { EventList } from '../parts/event_list';
import { Mark } from '../parts/icons';
import { KernelName } from '../parts/kernel_name';
import { NoProcess } from '../parts/no_process';
import { Link } from '../parts/link';
import { Empty, Missing, Skeleton, Trouble, Value } from '../parts/value';

const TOP = 8;

/** The devices that the view is about. */
export function chosenDevices(all: readonly Device[], chosen: readonly number[] | null) {
  return chosen === null ? all : all.filter((device) => chosen.includes(device.index));
}

export function Overview(): React.JSX.Element {
  const status = useStatus();
  const view = useView();
  if (status.data === null) {
    return <><h1 className="hidden">Overview</h1><Trouble error={status.error} at={status.at} />
      <Skeleton lines={12} /></>;
  }
  const all = status.data.devices;
  const devices = chosenDevices(all, view.devices);
  return (
    <div className="overview">
      <h1 className="hidden">Overview</h1>
      <Trouble error={status.error} at={status.at} />
      {all.length === 0 && <section className="panel"><Empty command="gpuvigil serve --demo">
        {status.data.reason ?? 'No GPU is known.'} To look around with a simulated machine:
      </Empty></section>}
      {all.length > 0 && <>
        <Figures devices={devices} />
        <Heatmap devices={devices} />
        <Charts devices={devices} all={all.length} />
      </>}
      <div className="pair">
        <TopKernels devices={view.devices} />
        <div className="stack">
          <TopProcesses />
          <LatestEvents />
        </div>
      </div>
    </div>
  );
}

const axisPercent = (value: number): string => `${value} %`;
export const axisMemory = (mb: number): string =>
  mb === 0 ? '0' : mb < 1024 ? `${mb} M` : `${Number((mb / 1024).toPrecision(3))} G`;

/** Steps of a power of two: 20, 40, 60 GiB rather than 19.5, 39.1. */
export function binarySplits(top: number): number[] {
  const steps = [1, 2, 4, 5, 8, 10, 16, 20, 32, 40, 50, 64, 100, 128, 200, 256, 500, 512, 1000];
  const unit = top >= 1024 ? 1024 : 1;
  const step = unit * (steps.find((one) => top / unit / one <= 4.01) ?? 2000);
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step);
}

export function Charts({ devices, all }: { devices: readonly Device[]; all: number }) {
  const indices = devices.map((device) => device.index);
  const most = (read: (device: Device) => number | null): number | null => {
    const known = devices.map(read).filter((value) => value !== null);
    return known.length === 0 ? null : Math.max(...known);
  };
  return (
    <div className="charts">
      <LineChart title="Utilization" metric="gpu_utilization" devices={indices} all={all}
        format={percent} top={100} tick={axisPercent} />
      <LineChart title="Memory" metric="memory_used_mb" devices={indices} all={all} format={memory}
        top={most((device) => device.memory.total_mb)} tick={axisMemory}
        splits={binarySplits} />
      <LineChart title="Power" metric="power_watts" devices={indices} all={all} format={watts}
        top={most((device) => device.power_limit_watts)} tick={(w) => `${w} W`} />
      <LineChart title="Temperature" metric="temperature_celsius" devices={indices} all={all}
        format={celsius} top={100} tick={(c) => `${c} °C`} />
    </div>
  );
}

const sum = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
};

function Figures({ devices }: { devices: readonly Device[] }): React.JSX.Element {
  const latest = useLatest();
  const alerts = useAlerts().data;
  const { query } = usePlace();
  const now = devices.map((device) =>
    latest?.devices.find((one) => one.index === device.index) ?? null);
  const utilizations = devices.map((device, i) => now[i]?.gpu_utilization ?? device.gpu_utilization);
  const known = utilizations.filter((value) => value !== null).length;
  const total = sum(utilizations);
  const mean = total === null ? null : total / known;
  const used = sum(devices.map((device, i) => now[i]?.memory_used_mb ?? device.memory.used_mb));
  const room = sum(devices.map((device) => device.memory.total_mb));
  const power = sum(devices.map((device, i) => now[i]?.power_watts ?? device.power_watts));
  const limit = sum(devices.map((device) => device.power_limit_watts));
  const hottest = Math.max(...devices.map((device, i) =>
    now[i]?.temperature_celsius ?? device.temperature_celsius ?? -Infinity));
  const healthy = devices.filter((device) => device.health === 'ok').length;
  const worst = devices.some((device) => device.health === 'failed' || device.health === 'lost')
    ? 'critical' : healthy < devices.length ? 'warning' : 'ok';
  const reason = (field: string): string | undefined => devices[0]?.reasons?.[field];
  return (
    <dl className="figures">
      <Figure name="GPUs healthy" part={null}>
        <Mark level={worst}>{healthy}</Mark><small> of {devices.length}</small></Figure>
      <Figure name="Utilization" part={mean === null ? null : mean / 100}
        note={known < devices.length ? `mean of ${known} that tell it` : 'mean'}>
        <Value value={mean} format={exactPercent} reason={reason('gpu_utilization')} /></Figure>
      <Figure name="Memory" part={used === null || !room ? null : used / room}
        note={used === null || !room ? '' : `of ${memory(room)}, ${exactPercent(100 * used / room)}`}>
        <Value value={used} format={memory} reason={devices[0]?.memory.reasons?.['used_mb']} />
      </Figure>
      <Figure name="Power" part={power === null || !limit ? null : power / limit}
        note={power === null || !limit ? '' : `${percent(100 * power / limit)} of ${watts(limit)}`}>
        <Value value={power} format={watts} reason={reason('power_watts')} /></Figure>
      <Figure name="Hottest" part={null}>
        <Value value={Number.isFinite(hottest) ? hottest : null} format={celsius}
          reason={reason('temperature_celsius')} /></Figure>
      <Figure name="Alerts" part={null} note={alerts === null ? '' : `${alerts.total_alerts_today} today`}>
        {alerts === null ? <Missing reason="not asked yet" />
          : <Link to={pageAddress('/alerts', query)}>
            <Mark level={alerts.active_alerts > 0 ? 'critical' : 'ok'}>{alerts.active_alerts}</Mark>
            <small> firing</small></Link>}</Figure>
    </dl>
  );
}

function Figure({ name, part, note, children }:
  { name: string; part: number | null; note?: string; children: React.ReactNode }) {
  return (
    <div className="figure">
      <dt>{name}</dt>
      <dd><span className="big">{children}</span>{note && <span className="soft">{note}</span>}
        {part !== null && <span className="track" aria-hidden="true">
          <i style={{ width: `${Math.min(100 * part, 100)}%` }} /></span>}</dd>
    </div>
  );
}

function TopKernels({ devices }: { devices: readonly number[] | null }): React.JSX.Element {
  const { query } = usePlace();
  const device = devices?.map(String);
  const top = usePoll(`top ${device?.join() ?? ''}`, (signal) => server.kernels({
    sort_by: 'total_time', since: '5m', limit: TOP, ...(device ? { device } : {}) }, { signal }), 2000);
  const rows = top.data?.kernels ?? [];
  return (
    <section className="panel">
      <header><h2>Kernels by GPU time</h2><span className="soft">last 5 min</span>
        <span className="fill" /><Link to={pageAddress('/kernels', query)}>
          {top.data ? `All ${top.data.total_kernels}` : 'All'}</Link></header>
      <Trouble error={top.error} at={top.at} />
      {top.data === null && top.error === null && <Skeleton lines={TOP} />}
      {top.data !== null && rows.length === 0 && <Empty command="gpuvigil run -- python train.py">
        No kernel ran in the last five minutes, or nobody tells of any. To see the kernels of a
        program:</Empty>}
      <ol className="ranking">
        {rows.map((row) => (
          <li key={row.id}>
            <Link to={`${pageAddress('/kernels', query)}${query.size > 0 &&
              pageAddress('/kernels', query).includes('?') ? '&' : '?'}k=${row.id}`}>
              <i className="share" style={{ width: `${row.share_percent}%` }} aria-hidden="true" />
              <KernelName name={row.name} short={row.short_name} />
              <b title={`${row.share_percent} % of the time of all kernels`}>
                {exactPercent(row.share_percent)}</b>
              <span title="Sum over the last five minutes">{duration(row.total_time_ms)}</span>
            </Link>
          </li>))}
      </ol>
    </section>
  );
}

function TopProcesses(): React.JSX.Element {
  const { query } = usePlace();
  const view = useView();
  const device = view.devices?.map(String);
  const polled = usePoll(`top processes ${device?.join() ?? ''}`, (signal) =>
    server.processes({ limit: 5, ...(device ? { device } : {}) }, { signal }), 5000);
  const rows = polled.data?.processes ?? [];
  return (
    <section className="panel">
      <header><h2>Processes by memory</h2><span className="fill" />
        <Link to={pageAddress('/processes', query)}>
          {polled.data ? `All ${polled.data.total_processes}` : 'All'}</Link></header>
      <Trouble error={polled.error} at={polled.at} />
      {polled.data !== null && rows.length === 0 && <NoProcess />}
      <ul className="lines">
        {rows.map((row) => {
          const used = sum(row.devices.map((one) => one.memory_mb ?? one.allocated_mb));
          return (
            <li key={row.pid}>
              <b className="mono">{row.pid}</b>
              <span className="grow clip">{row.name ?? <Missing reason="its name is not readable" />}
              </span>
              <span className="soft">{row.user ?? ''}</span>
              <span className="soft">{row.devices.map((one) => one.device).join(', ')}</span>
              <span className="number"><Value value={used} format={memory}
                reason="the driver does not tell it" /></span>
            </li>);
        })}
      </ul>
    </section>
  );
}

function LatestEvents(): React.JSX.Element {
  const polled = usePoll('latest events', (signal) =>
    server.events({ limit: 6 }, { signal }), 5000);
  return (
    <section className="panel">
      <header><h2>Events</h2><span className="soft">XIDs and changes of health</span></header>
      <Trouble error={polled.error} at={polled.at} />
      {polled.data !== null && polled.data.events.length === 0 &&
        <Empty>Nothing has happened since the server began.</Empty>}
      <EventList events={polled.data?.events ?? []} />
    </section>
  );
}

