// SPDX-License-Identifier: Apache-2.0
import { ApiProblem, type DeviceDetail } from '@gpuvigil/client';
import { ago, bytes, celsius, count, exactPercent, megahertz, memory, moment, span, watts, words }
  from '../base/format';
import { pageAddress, usePlace } from '../base/location';
import { usePoll } from '../base/poll';
import { server, useDevices } from '../base/server';
import { EventList } from '../parts/event_list';
import { healthLevel, Mark } from '../parts/icons';
import { Link } from '../parts/link';
import { NoProcess } from '../parts/no_process';
import { Empty, Missing, Skeleton, Trouble, Value } from '../parts/value';
import { throttles } from './devices';
import { Fact } from './kernel_drawer';
import { Charts } from './overview';
import { ProcessTable } from './processes';

export function DevicePage({ reference }: { reference: string }): React.JSX.Element {
  const { query } = usePlace();
  const all = useDevices();
  const polled = usePoll(`device ${reference}`, (signal) => server.device(reference, { signal }), 2000);
  const device = polled.data;
  const gone = polled.error instanceof ApiProblem && polled.error.status === 404;
  if (gone) {
    return <><h1>No such device</h1><Empty>This server knows no GPU “{reference}”.{' '}
      <Link to={pageAddress('/devices', query)}>All devices</Link></Empty></>;
  }
  if (device === null) {
    return <><h1>GPU {reference}</h1><Trouble error={polled.error} at={polled.at} />
      {polled.error === null && <Skeleton lines={10} />}</>;
  }
  return (
    <>
      <div className="title">
        <p className="soft"><Link to={pageAddress('/devices', query)}>Devices</Link></p>
        <h1>GPU {device.index} <small>{device.name}</small></h1>
        <Mark level={healthLevel(device.health)}>{device.health}</Mark>
      </div>
      <Trouble error={polled.error} at={polled.at} />
      {device.findings.length > 0 && <ul className="findings">{device.findings.map((finding) =>
        <li key={finding.code}><Mark level="warning"><b>{words(finding.code)}</b></Mark>
          {' '}{finding.detail}{finding.advice && <span className="soft"> {finding.advice}</span>}
        </li>)}</ul>}
      <Identity device={device} />
      <Charts devices={[device]} all={Math.max(all.length, 1)} />
      <Metrics device={device} />
      <Links device={device} />
      <ProcessesHere index={device.index} />
      <EventsHere index={device.index} />
    </>
  );
}

const yesNo = (value: boolean | null) => value === null ? null : value ? 'on' : 'off';

function Identity({ device }: { device: DeviceDetail }): React.JSX.Element {
  const about = device.inventory;
  const facts: [string, string | number | null][] = [
    ['Vendor', about.vendor], ['Architecture', about.architecture],
    ['Compute capability', about.compute_capability], ['Multiprocessors', about.multiprocessors],
    ['Driver', about.driver_version], ['Runtime', about.runtime_version], ['VBIOS', about.vbios],
    ['Serial', about.serial], ['PCI bus id', device.pci_bus_id], ['NUMA node', about.numa_node],
    ['CPUs', about.cpu_affinity], ['Compute mode', about.compute_mode],
    ['Persistence', yesNo(about.persistence_mode)], ['ECC', yesNo(about.ecc_enabled)],
    ['MIG', yesNo(about.mig_enabled)], ['MIG profile', about.profile],
    ['Parent', about.parent_uuid], ['Recovery', about.recovery_action],
  ];
  const known = facts.filter(([, value]) => value !== null);
  const unknown = facts.filter(([, value]) => value === null).map(([name]) => name);
  return (
    <section className="panel">
      <header><h2>What it is</h2><span className="soft">source: {device.source}
        {device.sampled_at !== null && <>, sampled {ago(
          (Date.parse(device.timestamp) - Date.parse(device.sampled_at)) / 1000)}</>}</span></header>
      <dl className="facts wide">
        <Fact name="UUID"><span className="mono">{device.uuid}</span></Fact>
        {known.map(([name, value]) => <Fact key={name} name={name}>{value}</Fact>)}
        <Fact name="SM clock"><Value value={device.sm_clock_mhz} format={megahertz}
          reason={device.reasons?.['sm_clock_mhz']} /></Fact>
        <Fact name="Memory clock"><Value value={device.memory_clock_mhz} format={megahertz}
          reason={device.reasons?.['memory_clock_mhz']} /></Fact>
        <Fact name="Slowed by">{throttles(device)}</Fact>
      </dl>
      {unknown.length > 0 && <p className="soft foot">Not told by {device.source}:{' '}
        {unknown.join(', ')}.</p>}
    </section>
  );
}

type Metrics = DeviceDetail['metrics'];
type Name = Exclude<keyof Metrics, 'reasons'>;

const GROUPS: readonly [string, RegExp][] = [
  ['Compute', /active_percent|occupancy|^(memory_copy|encoder|decoder|jpeg|optical)/],
  ['Errors', /^(ecc|retired|remapped|row_remap|pcie_replays|nvlink_.*errors)/],
  ['Throttling', /^throttle/], ['PCIe and NVLink', /^(pcie|nvlink)/],
  ['Memory', /^(memory_(free|reserved)|bar1)/],
  ['Power and heat', /watts|joules|temperature|fan/], ['Clocks', /mhz|performance_state/],
];

const UNITS: readonly [RegExp, (value: number) => string][] = [
  [/_percent$/, exactPercent], [/_watts$/, watts], [/_celsius$/, celsius], [/_mhz$/, megahertz],
  [/_mb$/, memory], [/_seconds$/, span], [/_joules$/, (j) => `${(j / 3.6e6).toFixed(3)} kWh`],
];

/** A metric as people read it: its unit is in its name. */
export function metricText(name: string, value: number | boolean): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return (UNITS.find(([pattern]) => pattern.test(name))?.[1] ?? count)(value);
}

const title = (name: string): string =>
  words(name.replace(/_(percent|watts|celsius|mhz|mb|seconds|joules)$/, ''));

function Metrics({ device }: { device: DeviceDetail }): React.JSX.Element {
  const { metrics } = device;
  const names = (Object.keys(metrics) as (Name | 'reasons')[])
    .filter((name): name is Name => name !== 'reasons');
  const groupOf = (name: string): string =>
    GROUPS.find(([, pattern]) => pattern.test(name))?.[0] ?? 'Others';
  const told = names.filter((name) => metrics[name] !== null);
  const missing = names.filter((name) => metrics[name] === null);
  const groups = [...new Set([...GROUPS.map(([name]) => name), 'Others'])];
  const reasons = new Map<string, string[]>();
  for (const name of missing) {
    const why = metrics.reasons?.[name] ?? 'the source does not tell it';
    reasons.set(why, [...reasons.get(why) ?? [], title(name)]);
  }
  return (
    <section className="panel">
      <header><h2>Every reading</h2><span className="soft">{told.length} of {names.length}</span>
      </header>
      {told.length === 0 && <Empty>This source tells none of the {names.length} further readings.
      </Empty>}
      <div className="groups">
        {groups.map((group) => {
          const rows = told.filter((name) => groupOf(name) === group);
          if (rows.length === 0) return null;
          return <div key={group}><h3>{group}</h3><dl className="list">{rows.map((name) =>
            <div key={name}><dt>{title(name)}</dt>
              <dd title={String(metrics[name])}>{metricText(name, metrics[name]!)}</dd></div>)}
          </dl></div>;
        })}
      </div>
      {missing.length > 0 && <details className="missing-list">
        <summary>{missing.length} are not known, and why</summary>
        <dl>{[...reasons].map(([why, which]) => <div key={why}><dt>{why}</dt>
          <dd className="soft">{which.join(', ')}</dd></div>)}</dl></details>}
    </section>
  );
}

function Links({ device }: { device: DeviceDetail }): React.JSX.Element | null {
  if (device.links.length === 0) return null;
  return (
    <section className="panel scroll" tabIndex={0} aria-label="NVLinks">
      <header><h2>NVLinks</h2></header>
      <table className="wide-table"><thead><tr><th scope="col">Link</th><th scope="col">State</th>
        <th scope="col">To</th><th scope="col">Sent</th><th scope="col">Received</th>
        <th scope="col">CRC errors</th><th scope="col">Replays</th></tr></thead>
      <tbody>{device.links.map((link) => <tr key={link.index}><th scope="row">{link.index}</th>
        <td><Mark level={link.active ? 'ok' : 'unknown'}>{link.active ? 'up' : 'down'}</Mark></td>
        <td>{link.remote_type ?? <Missing />} <span className="mono soft">
          {link.remote_pci_bus_id}</span></td>
        <td><Value value={link.sent_mb} format={(mb) => bytes(mb * 1048576)} /></td>
        <td><Value value={link.received_mb} format={(mb) => bytes(mb * 1048576)} /></td>
        <td><Value value={link.crc_errors} format={count} /></td>
        <td><Value value={link.replay_errors} format={count} /></td></tr>)}</tbody></table>
    </section>
  );
}

function ProcessesHere({ index }: { index: number }): React.JSX.Element {
  const polled = usePoll(`processes of ${index}`, (signal) =>
    server.processes({ device: [String(index)], limit: 50 }, { signal }), 5000);
  return (
    <section className="panel scroll" tabIndex={0} aria-label="Processes on this device">
      <header><h2>Processes</h2></header>
      <Trouble error={polled.error} at={polled.at} />
      {polled.data !== null && polled.data.processes.length === 0 &&
        <NoProcess device={index} />}
      {polled.data !== null && polled.data.processes.length > 0 &&
        <ProcessTable processes={polled.data.processes} only={index} />}
    </section>
  );
}

function EventsHere({ index }: { index: number }): React.JSX.Element {
  const polled = usePoll(`events of ${index}`, (signal) =>
    server.events({ device: [String(index)], limit: 50 }, { signal }), 5000);
  // Counts are of all devices, whatever is asked for.
  const counts = (polled.data?.counts ?? []).filter((one) => one.device === index);
  return (
    <section className="panel">
      <header><h2>Events</h2>{counts.length > 0 && <span className="soft">{counts.map((one) =>
        `${one.count}× ${words(one.kind)}${one.code === null ? '' : ` ${one.code}`} since ` +
        moment(Date.parse(one.first))).join('; ')}</span>}</header>
      <Trouble error={polled.error} at={polled.at} />
      {polled.data !== null && polled.data.events.length === 0 &&
        <Empty>Nothing has happened to it since the server began.</Empty>}
      <EventList events={polled.data?.events ?? []} />
    </section>
  );
}

