// SPDX-License-Identifier: Apache-2.0
import type { Process } from '@gpuvigil/client';
import { count, duration, memory, percent, plural, span } from '../base/format';
import { change, pageAddress, usePlace } from '../base/location';
import { usePoll } from '../base/poll';
import { server } from '../base/server';
import { useView } from '../base/view';
import { Mark } from '../parts/icons';
import { visible } from '../parts/kernel_name';
import { Link } from '../parts/link';
import { NoProcess } from '../parts/no_process';
import { Empty, Missing, Skeleton, Trouble, Value } from '../parts/value';

type Sort = NonNullable<NonNullable<Parameters<typeof server.processes>[0]>['sort_by']>;
const SORTS: readonly [Sort, string][] = [['memory', 'Memory'], ['kernel_time', 'Kernel time'],
  ['utilization', 'Utilization'], ['pid', 'PID']];
const LIMIT = 500;

export function Processes(): React.JSX.Element {
  const { query } = usePlace();
  const view = useView();
  const sort = SORTS.find(([key]) => key === query.get('sort'))?.[0] ?? 'memory';
  const q = (query.get('q') ?? '').toLowerCase();
  const asked = { sort_by: sort, limit: LIMIT,
    ...(view.devices === null ? {} : { device: view.devices.map(String) }) };
  const polled = usePoll(`processes ${JSON.stringify(asked)}`,
    (signal) => server.processes(asked, { signal }), 2000);
  const all = polled.data?.processes ?? [];
  const rows = q === '' ? all : all.filter((row) => searchText(row).includes(q));
  return (
    <>
      <h1>Processes</h1>
      <div className="filters" role="search">
        <label className="search"><span className="hidden">Search</span>
          <input id="search" type="search" defaultValue={q} maxLength={200} spellCheck={false}
            placeholder="PID, name, user, container, pod, job"
            onChange={(event) => change({ q: event.target.value })} /></label>
        <label><span className="hidden">Order</span>
          <select value={sort} onChange={(event) =>
            change({ sort: event.target.value === 'memory' ? null : event.target.value })}>
            {SORTS.map(([key, name]) => <option key={key} value={key}>By {name.toLowerCase()}</option>)}
          </select></label>
      </div>
      <Trouble error={polled.error} at={polled.at} />
      {polled.data === null && polled.error === null && <Skeleton lines={8} />}
      {polled.data !== null && all.length === 0 && <section className="panel">
        <NoProcess command="gpuvigil run -- python train.py" /></section>}
      {all.length > 0 && rows.length === 0 && <Empty>Nothing matches “{q}”.</Empty>}
      {rows.length > 0 && <section className="panel scroll" tabIndex={0} aria-label="Processes">
        <ProcessTable processes={rows} only={null} /></section>}
      {polled.data !== null && all.length > 0 && <p className="soft foot">
        {plural(polled.data.total_processes, 'process', 'processes')}
        {polled.data.total_processes > LIMIT && `; the first ${LIMIT} are shown`}</p>}
    </>
  );
}

const searchText = (row: Process): string => [row.pid, row.name, row.user, row.command,
  row.container?.id, row.pod?.name, row.pod?.namespace, row.slurm?.job, row.unit]
  .filter((part) => part !== null && part !== undefined).join(' ').toLowerCase();

/** Where it runs: a pod, a job, a container or a unit. */
function Place({ row }: { row: Process }): React.JSX.Element {
  if (row.pod?.name) return <>{row.pod.namespace}/{row.pod.name}</>;
  if (row.slurm?.job) return <>Slurm {row.slurm.job}{row.slurm.step && `.${row.slurm.step}`}</>;
  if (row.container?.id) return <>{row.container.runtime ?? 'container'} {row.container.id.slice(0, 12)}</>;
  return row.unit === null ? <span className="soft">host</span> : <>{row.unit}</>;
}

const total = (row: Process, read: (one: Process['devices'][number]) => number | null) => {
  const known = row.devices.map(read).filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
};

/** Holds memory and runs nothing, as far as is known. */
const isIdle = (row: Process): boolean =>
  row.devices.some((one) => (one.memory_mb ?? 0) > 256) && row.devices.every((one) =>
    one.sm_utilization_percent === 0 && (one.total_calls ?? 0) === 0);

export function ProcessTable({ processes, only }:
  { processes: readonly Process[]; only: number | null }): React.JSX.Element {
  const { query } = usePlace();
  const parts = (row: Process): Process => only === null ? row
    : { ...row, devices: row.devices.filter((one) => one.device === only) };
  return (
    <table className="wide-table cards processes">
      <thead><tr><th scope="col">PID</th><th scope="col">Process</th><th scope="col">User</th>
        <th scope="col">Where</th>{only === null && <th scope="col">GPUs</th>}
        <th scope="col">Memory</th><th scope="col">SM</th><th scope="col">Kernels</th>
        <th scope="col">Kernel time</th><th scope="col">Runs for</th></tr></thead>
      <tbody>{processes.map(parts).map((row) => (
        <tr key={row.pid}>
          <th scope="row" className="mono" data-name="PID">{row.pid}</th>
          <td data-name="Process" className="text"><span className="clip"
            title={visible(row.command ?? '')}>
            <b>{row.name === null ? <Missing reason="its name is not readable" /> : visible(row.name)}
            </b>{row.command !== null && <span className="soft"> {visible(row.command)}</span>}</span>
          {isIdle(row) && <Mark level="warning">holds memory, idle</Mark>}
          {row.captures.map((capture) => capture.blind !== null &&
            <Mark key={capture.by} level="warning">{capture.by}: {capture.blind}</Mark>)}</td>
          <td data-name="User" className="text">{row.user ?? (row.uid === null
            ? <Missing reason="not readable" /> : row.uid)}</td>
          <td data-name="Where" className="text"><Place row={row} /></td>
          {only === null && <td data-name="GPUs">{row.devices.map((one, i) => <span key={one.device}>
            {i > 0 && ', '}<Link to={pageAddress(`/devices/${one.device}`, query)}>{one.device}</Link>
          </span>)}</td>}
          <td data-name="Memory"><Value value={total(row, (one) => one.memory_mb ?? one.allocated_mb)}
            format={memory} reason="neither the driver nor its agent tells it" /></td>
          <td data-name="SM"><Value value={total(row, (one) => one.sm_utilization_percent)}
            format={percent} reason="the driver does not tell it" /></td>
          <td data-name="Kernels"><Value value={total(row, (one) => one.total_calls)} format={count}
            reason={row.no_kernels_reason} /></td>
          <td data-name="Kernel time"><Value value={total(row, (one) => one.kernel_time_ms)}
            format={duration} reason={row.no_kernels_reason} /></td>
          <td data-name="Runs for">{row.started === null ? <Missing reason="not readable" />
            : span((Date.now() - Date.parse(row.started)) / 1000)}</td>
        </tr>))}</tbody>
    </table>
  );
}
