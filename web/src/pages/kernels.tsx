// SPDX-License-Identifier: Apache-2.0
import { useCallback, useEffect, useRef, useState } from 'react';
import type { Kernel } from '@gpuvigil/client';
import { ago, count, duration, exactPercent, moment, span } from '../base/format';
import { change, usePlace } from '../base/location';
import { usePoll } from '../base/poll';
import { server } from '../base/server';
import { useView, type View } from '../base/view';
import { Icon } from '../parts/icons';
import { KernelName } from '../parts/kernel_name';
import { Spark } from '../parts/spark';
import { Empty, Skeleton, Trouble } from '../parts/value';
import { KernelDrawer } from './kernel_drawer';
import { BIN_SECONDS, useTrends } from './trends';

const ROW = 32;
const PAGE = 100;
const BEYOND = 6; // rows drawn above and below what is seen
const MOST_SECONDS = 3600;

type Sort = NonNullable<NonNullable<Parameters<typeof server.kernels>[0]>['sort_by']>;
type Kind = NonNullable<NonNullable<Parameters<typeof server.kernels>[0]>['kind']>;

interface Column {
  sort: Sort | null;
  name: string;
  title: string;
  className: string;
  cell: (row: Kernel, context: { now: number; trend: readonly (number | null)[] | undefined }) =>
  React.ReactNode;
}

const time = (value: number) => <span title={`${value} ms`}>{duration(value)}</span>;

const COLUMNS: readonly Column[] = [
  { sort: 'name', name: 'Kernel', title: 'Its name', className: 'c-name',
    cell: (row) => <KernelName name={row.name} short={row.short_name} /> },
  { sort: null, name: 'Last 5 min', title: `GPU time each ${BIN_SECONDS} s`, className: 'c-spark w3',
    cell: (_row, { trend }) => <Spark values={trend} label="GPU time over the last five minutes" /> },
  { sort: 'total_time', name: 'Share', title: 'Of the GPU time of all kernels', className: 'c-share',
    cell: (row) => <><i className="share" aria-hidden="true"
      style={{ width: `${row.share_percent}%` }} />{exactPercent(row.share_percent)}</> },
  { sort: 'total_time', name: 'Total', title: 'GPU time', className: 'c-number w1',
    cell: (row) => time(row.total_time_ms) },
  { sort: 'calls', name: 'Calls', title: 'How often it ran', className: 'c-number w2',
    cell: (row) => count(row.total_calls) },
  { sort: 'avg_time', name: 'Avg', title: 'Mean duration', className: 'c-number w5',
    cell: (row) => time(row.avg_time_ms) },
  { sort: 'p50_time', name: 'p50', title: 'Median, within 2 %', className: 'c-number w3',
    cell: (row) => time(row.p50_time_ms) },
  { sort: 'p95_time', name: 'p95', title: 'Within 2 %', className: 'c-number w5',
    cell: (row) => time(row.p95_time_ms) },
  { sort: 'p99_time', name: 'p99', title: 'Within 2 %', className: 'c-number w1',
    cell: (row) => time(row.p99_time_ms) },
  { sort: 'max_time', name: 'Max', title: 'The longest', className: 'c-number w5',
    cell: (row) => time(row.max_time_ms) },
  { sort: null, name: 'GPUs', title: 'Where it ran', className: 'c-devices w4',
    cell: (row) => devicesText(row.devices) },
  { sort: 'last_execution', name: 'Last', title: 'When it ran last', className: 'c-number w6',
    cell: (row, { now }) => <span title={row.last_execution}>
      {ago((now - Date.parse(row.last_execution)) / 1000)}</span> },
];

/** "0–3" rather than "0, 1, 2, 3". */
export function devicesText(devices: readonly number[]): string {
  const sorted = [...devices].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length;) {
    let j = i;
    while (j + 1 < sorted.length && sorted[j + 1] === sorted[j]! + 1) ++j;
    parts.push(j > i + 1 ? `${sorted[i]}–${sorted[j]}` : sorted.slice(i, j + 1).join(','));
    i = j + 1;
  }
  return parts.join(',');
}

interface Filter {
  q: string;
  kind: Kind;
  sort: Sort;
  order: 'asc' | 'desc';
  calls: number;
  whole: boolean;
}

const KINDS: readonly [Kind, string][] = [['kernel', 'Kernels'], ['compute', 'Compute'],
  ['collective', 'Collective'], ['memcpy', 'Copies'], ['memset', 'Sets'], ['all', 'Everything']];

function readFilter(query: URLSearchParams): Filter {
  const sort = COLUMNS.find((column) => column.sort === query.get('sort'))?.sort ?? 'total_time';
  const order = query.get('order');
  const calls = Number(query.get('calls') ?? 1);
  return { q: (query.get('q') ?? '').slice(0, 200),
    kind: KINDS.find(([kind]) => kind === query.get('kind'))?.[0] ?? 'kernel',
    sort, order: order === 'asc' || order === 'desc' ? order : sort === 'name' ? 'asc' : 'desc',
    calls: Number.isInteger(calls) && calls >= 0 ? calls : 1, whole: query.get('time') === 'all' };
}

/** The parameters of a page of rows. */
function pageQuery(filter: Filter, view: View, offset: number) {
  const glob = filter.q === '' ? undefined : /[*?[]/.test(filter.q) ? filter.q : `*${filter.q}*`;
  return { sort_by: filter.sort, order: filter.order, kind: filter.kind, limit: PAGE, offset,
    min_calls: filter.calls,
    ...(filter.whole ? {} : { since: `${Math.round(Math.min(view.seconds, MOST_SECONDS))}s` }),
    ...(glob === undefined ? {} : { name: [glob] }),
    ...(view.devices === null ? {} : { device: view.devices.map(String) }) };
}

function usePage(filter: Filter, view: View, page: number | null) {
  const query = pageQuery(filter, view, (page ?? 0) * PAGE);
  const every = view.mode === 'live' ? 2000 : Infinity;
  return usePoll(page === null ? null : `kernels ${JSON.stringify(query)} ${every}`,
    (signal) => server.kernels(query, { signal }), every);
}

export function Kernels(): React.JSX.Element {
  const { query } = usePlace();
  const view = useView();
  const filter = readFilter(query);
  const [range, setRange] = useState<[number, number]>([0, 40]);
  const first = Math.floor(range[0] / PAGE);
  const last = Math.floor(range[1] / PAGE);
  const one = usePage(filter, view, first);
  const two = usePage(filter, view, last > first ? last : null);
  const held = useRef(one.data);
  if (one.data !== null) held.current = one.data;
  const shown = one.data ?? held.current; // while a page is on its way the last one stays
  const total = shown?.total_kernels ?? 0;
  const row = useCallback((index: number): Kernel | undefined => {
    const page = Math.floor(index / PAGE);
    const data = page === first ? one.data : page === last ? two.data : null;
    return data?.kernels[index % PAGE];
  }, [one.data, two.data, first, last]);
  const chosen = query.get('k');
  const trends = useTrends(view.devices);
  return (
    <div className="kernels-page" data-drawer={chosen !== null || undefined}>
      <div className="side">
        <h1>Kernels</h1>
        <Filters filter={filter} view={view} />
        <Trouble error={one.error} at={one.at} />
        {shown === null && one.error === null && <Skeleton lines={14} />}
        {shown !== null && total === 0 && <Nothing filter={filter} view={view} />}
        {total > 0 && <Rows filter={filter} total={total} row={row} chosen={chosen}
          onRange={setRange} trends={trends} now={Date.parse(shown?.timestamp ?? '')} />}
        {shown !== null && <p className="foot soft">
          {count(total)} of this kind; {moment(Date.parse(shown.window.from))} to{' '}
          {moment(Date.parse(shown.window.to)).slice(11)}
          {shown.window.coverage < 0.995 &&
            `, the source looked ${exactPercent(100 * shown.window.coverage)} of that time`}
          {shown.dropped_executions > 0 && <b className="loss">
            {' '}{count(shown.dropped_executions)} executions are in no counter.</b>}
          {view.mode === 'range' && ' Kernels of a range are not kept: these are of the last of it.'}
        </p>}
      </div>
      {chosen !== null && <KernelDrawer id={chosen} trend={trends.get(chosen)} />}
    </div>
  );
}

function Nothing({ filter, view }: { filter: Filter; view: View }): React.JSX.Element {
  if (filter.q !== '' || filter.kind !== 'kernel' || filter.calls > 1 || view.devices !== null) {
    return <Empty>Nothing matches.{' '}
      <button type="button" onClick={() => change({ q: null, kind: null, calls: null, device: null })}>
        Show all kernels</button></Empty>;
  }
  return <Empty command="gpuvigil run -- python train.py">
    No kernel ran {filter.whole ? 'since the server began' : `in the last ${span(view.seconds)}`}, or
    nobody tells of any. To see the kernels of a program that is not changed:</Empty>;
}

function Filters({ filter, view }: { filter: Filter; view: View }): React.JSX.Element {
  const [text, setText] = useState(filter.q);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => setText(filter.q), [filter.q]);
  const search = (value: string): void => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => change({ q: value }), 150);
  };
  return (
    <div className="filters" role="search">
      <label className="search"><Icon name="search" /><span className="hidden">Search names</span>
        <input id="search" type="search" value={text} placeholder="Name, or a glob such as *gemm*"
          maxLength={200} spellCheck={false} autoComplete="off"
          onChange={(event) => search(event.target.value)} /></label>
      <label><span className="hidden">Kind</span>
        <select value={filter.kind} onChange={(event) =>
          change({ kind: event.target.value === 'kernel' ? null : event.target.value })}>
          {KINDS.map(([kind, name]) => <option key={kind} value={kind}>{name}</option>)}
        </select></label>
      <label><span className="hidden">Least calls</span>
        <select value={filter.calls} onChange={(event) =>
          change({ calls: event.target.value === '1' ? null : event.target.value })}>
          {[1, 10, 100, 1000, 10_000].map((calls) => <option key={calls} value={calls}>
            {calls === 1 ? 'Any number of calls' : `${count(calls)} calls or more`}</option>)}
        </select></label>
      <label><span className="hidden">Time</span>
        <select value={filter.whole ? 'all' : 'window'} onChange={(event) =>
          change({ time: event.target.value === 'all' ? 'all' : null })}>
          <option value="window">Last {span(Math.min(view.seconds, MOST_SECONDS))}</option>
          <option value="all">Since the server began</option>
        </select></label>
    </div>
  );
}

interface RowsProps {
  filter: Filter;
  total: number;
  row: (index: number) => Kernel | undefined;
  chosen: string | null;
  onRange: (range: [number, number]) => void;
  trends: ReadonlyMap<string, readonly (number | null)[]>;
  now: number;
}

function Rows({ filter, total, row, chosen, onRange, trends, now }: RowsProps): React.JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState<[number, number]>([0, 40]);
  const [active, setActive] = useState(0);
  const look = useCallback((): void => {
    const element = box.current;
    if (element === null) return;
    const from = Math.max(0, Math.floor(element.scrollTop / ROW) - BEYOND);
    const to = Math.ceil((element.scrollTop + element.clientHeight) / ROW) + BEYOND;
    setSeen((before) => (before[0] === from && before[1] === to ? before : [from, to]));
  }, []);
  useEffect(() => {
    look();
    const size = new ResizeObserver(look);
    size.observe(box.current!);
    return () => size.disconnect();
  }, [look]);
  useEffect(() => onRange([seen[0], Math.min(seen[1], total - 1)]), [seen, total, onRange]);

  const open = useCallback((index: number): void => {
    const kernel = row(index);
    if (kernel !== undefined) change({ k: kernel.id });
  }, [row]);
  const move = useCallback((to: number): void => {
    const index = Math.min(Math.max(to, 0), total - 1);
    setActive(index);
    const element = box.current!;
    const top = index * ROW;
    if (top < element.scrollTop) element.scrollTop = top;
    if (top + ROW > element.scrollTop + element.clientHeight - ROW) {
      element.scrollTop = top + 2 * ROW - element.clientHeight;
    }
  }, [total]);
  useEffect(() => {
    const hear = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const inField = (event.target as HTMLElement).matches('input, select, textarea, button, a');
      const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
      if (by !== undefined && !inField) move(active + by);
      else if (event.key === 'Enter' && !inField) open(active);
      else if ((event.key === ']' || event.key === '[') && chosen !== null) {
        const next = active + (event.key === ']' ? 1 : -1);
        move(next);
        open(Math.min(Math.max(next, 0), total - 1));
      } else return;
      event.preventDefault();
    };
    addEventListener('keydown', hear);
    return () => removeEventListener('keydown', hear);
  }, [active, move, open, chosen, total]);

  const indices: number[] = [];
  for (let i = seen[0]; i <= Math.min(seen[1], total - 1); ++i) indices.push(i);
  return (
    <div className="rows" ref={box} onScroll={look} role="table" aria-label="Kernels" tabIndex={0}
      aria-rowcount={total + 1} aria-colcount={COLUMNS.length}>
      <div role="rowgroup" className="head"><div role="row" aria-rowindex={1}>
        {COLUMNS.map((column) => (
          <div key={column.name} role="columnheader" className={column.className}
            aria-sort={column.sort === filter.sort && column.name !== 'Share'
              ? filter.order === 'asc' ? 'ascending' : 'descending' : undefined}>
            {column.sort === null ? <span title={column.title}>{column.name}</span>
              : <button type="button" title={column.title} onClick={() => sortBy(column.sort!, filter)}>
                {column.name}{column.sort === filter.sort && column.name !== 'Share' &&
                  <span aria-hidden="true">{filter.order === 'asc' ? ' ↑' : ' ↓'}</span>}</button>}
          </div>))}
      </div></div>
      <div role="rowgroup" className="body" style={{ height: total * ROW }}>
        {indices.map((index) => {
          const kernel = row(index);
          return (
            <div key={index} role="row" aria-rowindex={index + 2} className="row"
              data-active={index === active || undefined}
              data-chosen={(kernel !== undefined && kernel.id === chosen) || undefined}
              style={{ transform: `translateY(${index * ROW}px)` }}
              onClick={() => { setActive(index); open(index); }}>
              {kernel === undefined ? <div role="cell" className="c-name soft">…</div>
                : COLUMNS.map((column) => (
                  <div key={column.name} role="cell" className={column.className}>
                    {column.cell(kernel, { now, trend: trends.get(kernel.id) })}</div>))}
            </div>);
        })}
      </div>
    </div>
  );
}

function sortBy(sort: Sort, filter: Filter): void {
  const falling = sort === 'name' ? 'asc' : 'desc';
  const order = filter.sort !== sort ? falling : filter.order === 'asc' ? 'desc' : 'asc';
  change({ sort: sort === 'total_time' ? null : sort, order: order === falling ? null : order });
}
