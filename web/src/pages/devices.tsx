// SPDX-License-Identifier: Apache-2.0
import type { Device } from '@gpuvigil/client';
import { celsius, exactPercent, megahertz, memoryOf, watts, words } from '../base/format';
import { change, pageAddress, usePlace } from '../base/location';
import { usePoll } from '../base/poll';
import { server, useStatus } from '../base/server';
import { useView } from '../base/view';
import { healthLevel, Mark } from '../parts/icons';
import { Link } from '../parts/link';
import { Bar, Empty, Missing, Skeleton, Trouble, Value } from '../parts/value';
import { chosenDevices } from './overview';

type Key = 'index' | 'utilization' | 'memory' | 'power' | 'temperature';
const KEYS: Record<Key, (device: Device) => number | null> = {
  index: (device) => -device.index,
  utilization: (device) => device.gpu_utilization,
  memory: (device) => device.memory.percent,
  power: (device) => device.power_watts,
  temperature: (device) => device.temperature_celsius,
};

/** Largest first; what is not known comes last. */
export function sorted(devices: readonly Device[], key: Key): Device[] {
  const value = KEYS[key];
  return [...devices].sort((a, b) =>
    (value(b) ?? -Infinity) - (value(a) ?? -Infinity) || a.index - b.index);
}

export function Devices(): React.JSX.Element {
  const status = useStatus();
  const view = useView();
  const { query } = usePlace();
  const named = query.get('sort') ?? 'index';
  const key: Key = Object.hasOwn(KEYS, named) ? named as Key : 'index';
  const devices = sorted(chosenDevices(status.data?.devices ?? [], view.devices), key);
  const head = (name: string, sort: Key) => (
    <th scope="col" aria-sort={key === sort ? 'descending' : undefined}>
      <button type="button" onClick={() => change({ sort: sort === 'index' ? null : sort })}>
        {name}{key === sort && <span aria-hidden="true"> ↓</span>}</button></th>);
  return (
    <>
      <h1>Devices</h1>
      <Trouble error={status.error} at={status.at} />
      {status.data === null && status.error === null && <Skeleton lines={8} />}
      {status.data !== null && status.data.devices.length === 0 &&
        <section className="panel"><Empty command="gpuvigil doctor">
          {status.data.reason ?? 'No GPU is known.'} What is missing:</Empty></section>}
      {devices.length > 0 && <section className="panel scroll" tabIndex={0} aria-label="Devices">
        <table className="wide-table cards">
          <thead><tr>{head('GPU', 'index')}<th scope="col">State</th>
            {head('Utilization', 'utilization')}{head('Memory', 'memory')}{head('Power', 'power')}
            {head('Temp.', 'temperature')}<th scope="col">SM clock</th>
            <th scope="col">Slowed by</th><th scope="col">Processes</th><th scope="col">Source</th>
          </tr></thead>
          <tbody>{devices.map((device) => <DeviceRow key={device.uuid} device={device} />)}</tbody>
        </table></section>}
      {(status.data?.devices.length ?? 0) > 1 && <Topology />}
    </>
  );
}

/** What slows a device down, without the word that it idles. */
export function throttles(device: Device): React.ReactNode {
  const reasons = device.throttle_reasons;
  if (reasons === null) return <Missing reason={device.reasons?.['throttle_reasons']} />;
  const real = reasons.filter((reason) => reason !== 'gpu_idle');
  if (real.length === 0) return <span className="soft">nothing</span>;
  return <Mark level="warning">{real.map(words).join(', ')}</Mark>;
}

function DeviceRow({ device }: { device: Device }): React.JSX.Element {
  const { query } = usePlace();
  const reason = (field: string): string | undefined => device.reasons?.[field];
  const { used_mb: used, total_mb: total, percent: full } = device.memory;
  const limit = device.power_limit_watts;
  return (
    <tr>
      <th scope="row" data-name="GPU">
        <Link to={pageAddress(`/devices/${device.index}`, query)}><b>{device.index}</b>{' '}
          {device.name ?? 'unnamed'}</Link></th>
      <td data-name="State"><Mark level={healthLevel(device.health)}>{device.health}</Mark></td>
      <td data-name="Utilization"><Bar part={part(device.gpu_utilization, 100)}>
        <Value value={device.gpu_utilization} format={exactPercent}
          reason={reason('gpu_utilization')} /></Bar></td>
      <td data-name="Memory"><Bar part={full === null ? null : full / 100}
        level={full !== null && full > 95 ? 'warning' : undefined}>
        {used === null || total === null ? <Missing reason={device.memory.reasons?.['used_mb']} />
          : memoryOf(used, total)}</Bar></td>
      <td data-name="Power"><Bar part={part(device.power_watts, limit)}>
        <Value value={device.power_watts} format={watts} reason={reason('power_watts')} />
        {limit !== null && <span className="soft"> / {watts(limit)}</span>}</Bar></td>
      <td data-name="Temp."><Value value={device.temperature_celsius} format={celsius}
        reason={reason('temperature_celsius')} /></td>
      <td data-name="SM clock"><Value value={device.sm_clock_mhz} format={megahertz}
        reason={reason('sm_clock_mhz')} /></td>
      <td data-name="Slowed by">{throttles(device)}</td>
      <td data-name="Processes"><Value value={device.processes} format={String}
        reason={reason('processes')} /></td>
      <td data-name="Source" className="soft">{device.source}</td>
    </tr>
  );
}

const part = (value: number | null, whole: number | null): number | null =>
  value === null || !whole ? null : value / whole;

const PATHS: Record<string, string> = { nvlink: 'NVLink', internal: 'the same board',
  single: 'one PCIe switch', multiple: 'several PCIe switches', hostbridge: 'a PCIe host bridge',
  node: 'one NUMA node', system: 'between NUMA nodes' };
const SHORT: Record<string, string> = { nvlink: 'NV', internal: 'INT', single: 'PIX',
  multiple: 'PXB', hostbridge: 'PHB', node: 'NODE', system: 'SYS' };

function Topology(): React.JSX.Element | null {
  const polled = usePoll('topology', (signal) => server.topology({ signal }), 60_000);
  if (polled.data === null) return null;
  const { devices, links } = polled.data;
  const between = new Map(links.flatMap((link) =>
    [[`${link.from} ${link.to}`, link], [`${link.to} ${link.from}`, link]] as const));
  return (
    <section className="panel">
      <header><h2>How they are joined</h2></header>
      {links.length === 0 ? <Empty>No source tells how these devices are joined.</Empty>
        : <div className="scroll" tabIndex={0} role="region" aria-label="How devices are joined">
          <table className="matrix"><thead><tr><td />
            {devices.map((device) => <th key={device.uuid} scope="col">{device.index}</th>)}
          </tr></thead><tbody>{devices.map((from) => <tr key={from.uuid}>
            <th scope="row">{from.index}</th>
            {devices.map((to) => {
              const link = between.get(`${from.index} ${to.index}`);
              if (from.index === to.index) return <td key={to.uuid} className="self">·</td>;
              if (link === undefined) return <td key={to.uuid}><Missing reason="not told" /></td>;
              return <td key={to.uuid} data-path={link.path} title={PATHS[link.path]}>
                {SHORT[link.path]}{link.nvlinks > 0 && link.nvlinks}</td>;
            })}</tr>)}</tbody></table>
          <p className="soft">{Object.keys(PATHS).filter((path) => links.some((l) => l.path === path))
            .map((path) => `${SHORT[path]}: ${PATHS[path]}`).join('; ')}.</p></div>}
    </section>
  );
}
