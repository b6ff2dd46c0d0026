// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from 'react';
import type { KernelDetail } from '@gpuvigil/client';
import { Histogram } from '../charts/histogram';
import { bytes, clock, count, duration, exactPercent, memory, moment } from '../base/format';
import { change, usePlace, pageAddress } from '../base/location';
import { usePoll } from '../base/poll';
import { server } from '../base/server';
import { Icon } from '../parts/icons';
import { library, visible } from '../parts/kernel_name';
import { Link } from '../parts/link';
import { Spark } from '../parts/spark';
import { copy, Missing, Skeleton, Trouble, Value } from '../parts/value';

const SHOWN = 12;

export function KernelDrawer({ id, trend }:
  { id: string; trend: readonly (number | null)[] | undefined }): React.JSX.Element {
  const polled = usePoll(`kernel ${id}`, (signal) => server.kernel(id, { signal }), 2000);
  const box = useRef<HTMLElement>(null);
  const close = (): void => {
    change({ k: null });
    document.querySelector<HTMLElement>('.rows')?.focus();
  };
  useEffect(() => {
    box.current?.focus({ preventScroll: true });
    const hear = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && !(event.target instanceof HTMLDialogElement)) close();
    };
    addEventListener('keydown', hear);
    return () => removeEventListener('keydown', hear);
  }, []);
  const kernel = polled.data;
  return (
    <aside className="drawer" ref={box} tabIndex={-1} aria-labelledby="drawer-title">
      <header>
        <h2 id="drawer-title">{kernel === null ? 'Kernel' : kindText(kernel)}</h2>
        <span className="fill" />
        <button type="button" className="square" onClick={() => void copy(kernel?.name ?? '')}
          aria-label="Copy the name"><Icon name="copy" /></button>
        <button type="button" className="square" onClick={close} aria-label="Close" title="Esc">
          <Icon name="close" /></button>
      </header>
      <Trouble error={polled.error} at={polled.at} />
      {kernel === null ? polled.error === null && <Skeleton lines={10} />
        : <Detail kernel={kernel} trend={trend} />}
    </aside>
  );
}

const kindText = (kernel: KernelDetail): string => {
  const kind = { compute: 'Compute kernel', collective: 'Collective', memcpy: 'Copy', memset: 'Set' };
  const tag = library(kernel.name);
  return tag === null ? kind[kernel.kind] : `${kind[kernel.kind]} · ${tag}`;
};

function Detail({ kernel, trend }:
  { kernel: KernelDetail; trend: readonly (number | null)[] | undefined }): React.JSX.Element {
  const [whole, setWhole] = useState(false);
  const name = visible(kernel.name);
  const long = name.length > 280;
  return (
    <div className="detail">
      <p className="full-name mono">{whole || !long ? name : `${name.slice(0, 280)}…`}
        {long && <button type="button" onClick={() => setWhole(!whole)}>
          {whole ? 'less' : `all ${count(name.length)} characters`}</button>}</p>
      <dl className="facts">
        <Fact name="Share">{exactPercent(kernel.share_percent)}</Fact>
        <Fact name="Total">{duration(kernel.total_time_ms)}</Fact>
        <Fact name="Calls">{count(kernel.total_calls)}</Fact>
        <Fact name="Mean">{duration(kernel.avg_time_ms)}</Fact>
        <Fact name="Std. dev.">{duration(kernel.stddev_time_ms)}</Fact>
        <Fact name="Memory"><Value value={kernel.avg_memory_mb} format={memory}
          reason="no source gave its memory" /></Fact>
      </dl>
      <h3>GPU time, last five minutes</h3>
      <div className="big-spark"><Spark values={trend} label="GPU time over five minutes" /></div>
      <h3>Duration <span className="soft">since {moment(Date.parse(kernel.window.from))}</span></h3>
      <Histogram kernel={kernel} />
      <dl className="facts six">
        <Fact name="min">{duration(kernel.min_time_ms)}</Fact>
        <Fact name="p50">{duration(kernel.p50_time_ms)}</Fact>
        <Fact name="p95">{duration(kernel.p95_time_ms)}</Fact>
        <Fact name="p99">{duration(kernel.p99_time_ms)}</Fact>
        <Fact name="max">{duration(kernel.max_time_ms)}</Fact>
      </dl>
      <PerDevice kernel={kernel} />
      <PerProcess kernel={kernel} />
      <Shapes kernel={kernel} />
      <Executions kernel={kernel} />
      <p className="soft foot">Percentiles are within 2 % of the nearest rank; calls, sums, least and
        most are exact.</p>
    </div>
  );
}

export const Fact = ({ name, children }: { name: string; children: React.ReactNode }) =>
  <div><dt>{name}</dt><dd>{children}</dd></div>;

const part = (ms: number, kernel: KernelDetail) =>
  <i className="share" aria-hidden="true"
    style={{ width: `${Math.min(100, (100 * ms) / Math.max(kernel.total_time_ms, 1e-9))}%` }} />;

function PerDevice({ kernel }: { kernel: KernelDetail }): React.JSX.Element {
  const { query } = usePlace();
  return (
    <>
      <h3>By device</h3>
      <table className="small"><thead><tr><th scope="col">GPU</th><th scope="col">Total</th>
        <th scope="col">Calls</th><th scope="col">p50</th><th scope="col">p99</th>
        <th scope="col">Max</th></tr></thead>
      <tbody>{kernel.per_device.map((row) => <tr key={row.device}>
        <th scope="row"><Link to={pageAddress(`/devices/${row.device}`, query)}>{row.device}</Link></th>
        <td className="shared">{part(row.total_time_ms, kernel)}{duration(row.total_time_ms)}</td>
        <td>{count(row.total_calls)}</td><td>{duration(row.p50_time_ms)}</td>
        <td>{duration(row.p99_time_ms)}</td><td>{duration(row.max_time_ms)}</td></tr>)}</tbody></table>
    </>
  );
}

function PerProcess({ kernel }: { kernel: KernelDetail }): React.JSX.Element {
  const rows = kernel.per_process;
  return (
    <>
      <h3>By process</h3>
      {rows === null || rows.length === 0
        ? <p className="soft"><Missing said
          reason={kernel.reasons?.['per_process'] ?? 'no process that reports itself ran it'} /></p>
        : <table className="small"><thead><tr><th scope="col">PID</th><th scope="col">Total</th>
          <th scope="col">Calls</th><th scope="col">Mean</th><th scope="col">Max</th></tr></thead>
        <tbody>{rows.map((row) => <tr key={row.pid}>
          <th scope="row" className="mono">{row.pid}{!row.running && ' (ended)'}</th>
          <td className="shared">{part(row.total_time_ms, kernel)}{duration(row.total_time_ms)}</td>
          <td>{count(row.total_calls)}</td><td>{duration(row.avg_time_ms)}</td>
          <td>{duration(row.max_time_ms)}</td></tr>)}</tbody></table>}
    </>
  );
}

const size = (three: readonly number[] | null) =>
  three === null ? <Missing reason="left to the driver" /> : three.join('×');

function Shapes({ kernel }: { kernel: KernelDetail }): React.JSX.Element {
  const shapes = kernel.launch_shapes;
  return (
    <>
      <h3>Launch shapes</h3>
      {shapes === null || shapes.length === 0
        ? <p className="soft"><Missing said
          reason={kernel.reasons?.['launch_shapes'] ?? 'no source told how it was launched'} /></p>
        : <table className="small"><thead><tr><th scope="col">Grid</th><th scope="col">Block</th>
          <th scope="col">Regs</th><th scope="col">Shared</th><th scope="col">Total</th>
          <th scope="col">Calls</th></tr></thead>
        <tbody>{shapes.slice(0, SHOWN).map((shape, i) => <tr key={i}>
          <td className="mono">{size(shape.grid)}</td><td className="mono">{size(shape.block)}</td>
          <td>{shape.registers ?? <Missing reason="not told" />}</td>
          <td>{bytes(shape.static_shared_bytes + shape.dynamic_shared_bytes)}</td>
          <td className="shared">{part(shape.total_time_ms, kernel)}
            {duration(shape.total_time_ms)}</td><td>{count(shape.total_calls)}</td></tr>)}
        </tbody></table>}
    </>
  );
}

function Executions({ kernel }: { kernel: KernelDetail }): React.JSX.Element | null {
  const rows = kernel.last_executions.slice(0, SHOWN);
  if (rows.length === 0) return null;
  return (
    <>
      <h3>Last executions</h3>
      <table className="small"><thead><tr><th scope="col">Ended</th><th scope="col">GPU</th>
        <th scope="col">Duration</th></tr></thead>
      <tbody>{rows.map((row, i) => <tr key={i}>
        <td className="mono"><time dateTime={row.timestamp}>{clock(Date.parse(row.timestamp))}
          {(row.timestamp.match(/\.\d{1,3}/) ?? [''])[0]}</time></td><td>{row.device}</td>
        <td>{duration(row.duration_ms)}</td></tr>)}</tbody></table>
    </>
  );
}
