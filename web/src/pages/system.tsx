// SPDX-License-Identifier: Apache-2.0
import { useRef } from 'react';
import type { System } from '@gpuvigil/client';
import { bytes, count, duration, moment, span, words } from '../base/format';
import { go } from '../base/location';
import { usePoll } from '../base/poll';
import { server } from '../base/server';
import { tickCosts, useLatest } from '../live/live';
import { Mark, type Level } from '../parts/icons';
import { Empty, Missing, Skeleton, Trouble, Value } from '../parts/value';
import { Fact } from './kernel_drawer';

export function SystemPage(): React.JSX.Element {
  const polled = usePoll('system', (signal) => server.system({ signal }), 2000);
  const system = polled.data;
  return (
    <>
      <h1>System <small>what gpuvigil itself costs, refused and lost</small></h1>
      <Trouble error={polled.error} at={polled.at} />
      {system === null ? polled.error === null && <Skeleton lines={12} /> : <>
        <Own system={system} />
        <div className="columns">
          <Losses system={system} />
          <Backends system={system} />
          <Engine system={system} />
          <Connections system={system} />
          <Who />
        </div>
        <Routes system={system} />
      </>}
    </>
  );
}

/** CPU of the last two answers; of the whole life while there is one alone. */
function useCpuPercent(system: System): number | null {
  const before = useRef<{ at: number; cpu: number; percent: number | null } | null>(null);
  const { user_cpu_seconds: user, system_cpu_seconds: kernel } = system.process;
  if (user === null || kernel === null) return null;
  const now = { at: system.uptime_seconds, cpu: user + kernel };
  const last = before.current;
  if (last !== null && now.at <= last.at) return last.percent;
  const percent = last === null ? (100 * now.cpu) / Math.max(now.at, 1)
    : (100 * (now.cpu - last.cpu)) / (now.at - last.at);
  before.current = { ...now, percent };
  return percent;
}

function Own({ system }: { system: System }): React.JSX.Element {
  const cpu = useCpuPercent(system);
  const { process } = system;
  const why = (field: string): string | undefined => process.reasons?.[field];
  return (
    <dl className="figures">
      <div className="figure"><dt>CPU</dt><dd><span className="big">
        <Value value={cpu} format={(value) => `${value.toFixed(1)} %`}
          reason={why('user_cpu_seconds')} /></span><span className="soft">of one core</span></dd></div>
      <div className="figure"><dt>Memory</dt><dd><span className="big">
        <Value value={process.resident_bytes} format={bytes} reason={why('resident_bytes')} /></span>
      <span className="soft">resident</span></dd></div>
      <div className="figure"><dt>Threads</dt><dd><span className="big">
        <Value value={process.threads} format={count} reason={why('threads')} /></span></dd></div>
      <div className="figure"><dt>Runs for</dt><dd><span className="big">{span(system.uptime_seconds)}
      </span><span className="soft">version {system.version}</span></dd></div>
      <div className="figure"><dt>Frame</dt><dd><span className="big">
        {duration(system.engine.last_build_ms)}</span><span className="soft">longest{' '}
        {duration(system.engine.longest_build_ms)}</span></dd></div>
    </dl>
  );
}

const List = ({ rows }: { rows: readonly [string, React.ReactNode][] }) => (
  <dl className="list">{rows.map(([name, value]) =>
    <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>);

function Losses({ system }: { system: System }): React.JSX.Element {
  const losses = Object.entries(system.losses);
  const some = losses.some(([, n]) => n > 0);
  return (
    <section className="panel"><header><h2>Lost</h2>
      <Mark level={some ? 'warning' : 'ok'}>{some ? 'something is missing' : 'nothing'}</Mark></header>
    <List rows={losses.map(([name, n]) => [words(name),
      n > 0 ? <b className="loss" key={name}>{count(n)}</b> : '0'])} /></section>
  );
}

const STATE: Record<string, Level> = { ok: 'ok', starting: 'unknown', failing: 'warning', hung: 'critical' };

function Backends({ system }: { system: System }): React.JSX.Element {
  return (
    <section className="panel"><header><h2>Drivers</h2></header>
      {system.backends.length === 0 && <Empty>None is asked: this server shows a recording, the demo
        machine, or what programs tell.</Empty>}
      <ul className="events">{system.backends.map((backend) => (
        <li key={backend.name}><Mark level={STATE[backend.state] ?? 'unknown'}>{backend.state}</Mark>
          <div><p><b>{backend.name}</b> <span className="soft">{count(backend.devices)} devices,{' '}
            {count(backend.calls_failed_total)} failed calls</span></p>
          {backend.problem !== null && <p className="soft">{backend.problem}</p>}</div></li>))}
      </ul></section>
  );
}

function Engine({ system }: { system: System }): React.JSX.Element {
  const { engine, log } = system;
  return (
    <section className="panel"><header><h2>Engine</h2></header><List rows={[
      ['Frame every', duration(engine.frame_period_ms)], ['Frames', count(engine.frames_total)],
      ['Frames between', count(engine.peeks_total)], ['Devices', count(engine.devices)],
      ['Kernels', count(engine.kernels)], ['Series', count(engine.series)],
      ['Samples dropped', count(engine.samples_dropped_total)],
      ['Log lines', count(log.lines_total)], ['Log lines lost', count(log.lost_total)],
    ]} /></section>
  );
}

function Connections({ system }: { system: System }): React.JSX.Element {
  const { server: net } = system;
  useLatest();
  const costs = [...tickCosts].sort((a, b) => a - b);
  return (
    <section className="panel"><header><h2>Connections</h2></header><List rows={[
      ['Open', count(net.connections)], ['Streams', count(net.streams)],
      ['Sessions', count(net.sessions)], ['Requests', count(net.requests_total)],
      ['Refused requests', count(net.refused_requests_total)], ['Denied (401)', count(net.denied_total)],
      ['Too many (429)', count(net.rate_limited_total)],
      ['Refused connections', count(net.refused_connections_total)],
      ['Given up', count(net.timeouts_total)],
      ['Messages dropped', count(net.stream_messages_dropped_total)],
      ['Received', bytes(net.received_bytes_total)], ['Sent', bytes(net.sent_bytes_total)],
      ['This page, a tick', costs.length === 0 ? <Missing key="tick" reason="no message yet" />
        : `${costs[costs.length >> 1]!.toFixed(1)} ms, most ${costs.at(-1)!.toFixed(1)} ms`],
    ]} /></section>
  );
}

function Who(): React.JSX.Element | null {
  const polled = usePoll('session', (signal) => server.session({ signal }), 60_000);
  const session = polled.data;
  if (session === null) return null;
  const leave = async (): Promise<void> => {
    await server.closeSession();
    go('/login');
  };
  return (
    <section className="panel"><header><h2>You</h2></header>
      <dl className="facts"><Fact name="Known by">{session.by}</Fact>
        <Fact name="May">{session.scopes.join(', ')}</Fact>
        <Fact name="The server asks">{session.auth === 'off' ? 'nobody' : session.auth}</Fact></dl>
      {session.by === 'session'
        ? <button type="button" onClick={() => void leave()}>Log out</button>
        : <p><a href="/login">Log in with a token</a></p>}</section>
  );
}

function Routes({ system }: { system: System }): React.JSX.Element {
  return (
    <section className="panel scroll" tabIndex={0} aria-label="Requests by route">
      <header><h2>Requests</h2><span className="soft">at {moment(Date.parse(system.timestamp))}</span>
      </header>
      <table className="wide-table"><thead><tr><th scope="col">Route</th><th scope="col">Requests</th>
        <th scope="col">4xx</th><th scope="col">5xx</th><th scope="col">p50</th><th scope="col">p95</th>
        <th scope="col">p99</th><th scope="col">Max</th></tr></thead>
      <tbody>{system.routes.map((route) => <tr key={`${route.method} ${route.path}`}>
        <th scope="row" className="mono">{route.method} {route.path}</th>
        <td>{count(route.requests_total)}</td><td>{count(route.client_errors_total)}</td>
        <td>{count(route.server_errors_total)}</td><td>{duration(route.p50_ms)}</td>
        <td>{duration(route.p95_ms)}</td><td>{duration(route.p99_ms)}</td>
        <td>{duration(route.max_ms)}</td></tr>)}</tbody></table>
    </section>
  );
}
