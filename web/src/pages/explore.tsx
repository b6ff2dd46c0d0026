// SPDX-License-Identifier: Apache-2.0
// Any metrics over any time, beside the same from earlier.
import { useMemo, useState } from 'react';
import type { History } from '@gpuvigil/client';
import { unitText, useCatalogue, type MetricEntry } from '../base/catalogue';
import { span, words } from '../base/format';
import { change, usePlace } from '../base/location';
import { HISTORY, useDevices, useOffers } from '../base/server';
import { useView, type View } from '../base/view';
import { binarySplits } from '../charts/splits';
import { SeriesChart } from '../charts/line_chart';
import { seriesColumns, slice } from '../live/columns';
import { historyTime, stepOf, useHistory, type Series } from '../live/history';
import { ring } from '../live/live';
import { Icon } from '../parts/icons';
import { copy, Empty, Trouble } from '../parts/value';

const MOST = 6;
const FIRST = 'gpu_utilization';
const HEIGHT = 200;
const LIVE_MS = 2000;
const AGGREGATES = ['avg', 'max', 'min', 'last'] as const;
type Aggregate = (typeof AGGREGATES)[number];

const EARLIER: Record<string, { name: string; seconds: number | null }> = {
  span: { name: 'the time before', seconds: null }, '1h': { name: 'an hour earlier', seconds: 3600 },
  '24h': { name: 'a day earlier', seconds: 86_400 }, '7d': { name: 'a week earlier', seconds: 604_800 },
};

/** The same length of time, so much earlier; live ones move on in steps, so that few are asked. */
export function shifted(view: View, seconds: number, now: number): View {
  const step = Math.max(stepOf(view.seconds), 10) * 1000;
  const to = view.to ?? Math.floor(now / step) * step;
  const from = view.from ?? to - view.seconds * 1000;
  return { ...view, mode: 'range', from: from - seconds * 1000, to: to - seconds * 1000 };
}

const toSeries = (history: History, metric: string, later: number, step: number): Series => {
  const columns = seriesColumns(history, metric, 1);
  const times = columns.times.map((time) => time + later);
  return { columns: (from, to) => slice({ ...columns, times }, from, to), problem: null, step: () => step };
};

export function Explore(): React.JSX.Element {
  const { query } = usePlace();
  const view = useView();
  const catalogue = useCatalogue();
  const offered = useOffers(HISTORY);
  const wanted = (query.get('m') ?? FIRST).split(',').filter((name) => name !== '');
  const known = wanted.filter((name) => catalogue.some((one) => one.name === name)).slice(0, MOST);
  const unknown = wanted.filter((name) => !known.includes(name)).slice(0, MOST);
  const agg: Aggregate = AGGREGATES.find((one) => one === query.get('agg')) ?? 'avg';
  const named = query.get('vs') ?? '';
  const earlier = Object.hasOwn(EARLIER, named) ? EARLIER[named]! : null;
  const step = stepOf(view.seconds);
  const shift = earlier === null ? 0 : Math.ceil((earlier.seconds ?? view.seconds) / step) * step;
  const now = useHistory(known.length === 0 ? null : known, view, { agg }, LIVE_MS);
  const before = useHistory(known.length === 0 || earlier === null ? null : known,
    shifted(view, shift, ring.newest === 0 ? Date.now() : ring.newest * 1000), { agg });
  const choose = (metrics: readonly string[]): void =>
    change({ m: metrics.length === 0 || metrics.join() === FIRST ? null : metrics.join() });
  return (
    <>
      <h1>Explore <small>any metric of the devices, over time</small></h1>
      <div className="filters">
        <Picker catalogue={catalogue} chosen={known} add={(name) => choose([...known, name])} />
        <label><span className="hidden">How values become one</span>
          <select value={agg} onChange={(event) =>
            change({ agg: event.target.value === 'avg' ? null : event.target.value })}>
            {AGGREGATES.map((one) => <option key={one} value={one}>
              {{ avg: 'Mean', max: 'Most', min: 'Least', last: 'Last' }[one]} of each step</option>)}
          </select></label>
        <label><span className="hidden">Compared with</span>
          <select value={earlier === null ? '' : named} onChange={(event) =>
            change({ vs: event.target.value })}>
            <option value="">Compared with nothing</option>
            {Object.entries(EARLIER).map(([key, one]) => <option key={key} value={key}>
              Compared with {one.name}</option>)}
          </select></label>
        <button type="button" onClick={() => void copy(question(known, view, agg))}
          title="The address of the values, for a program">Copy the question</button>
      </div>
      {!offered && <Empty>This server offers no history.</Empty>}
      {unknown.length > 0 && catalogue.length > 20 &&
        <Empty>There is no metric “{unknown.join(', ').slice(0, 100)}”.</Empty>}
      <Trouble error={now.error} at={now.at} />
      {known.map((metric) => <MetricChart key={metric} metric={metric} shift={shift}
        now={now.data} before={earlier === null ? null : before.data}
        remove={known.length === 1 ? null : () => choose(known.filter((one) => one !== metric))} />)}
      {earlier !== null && <p className="soft foot">Dashed: {earlier.name}
        {earlier.seconds === null && ` (${span(view.seconds)})`}. Steps of {span(step)}.</p>}
    </>
  );
}

/** The address at which a program finds the same values. */
function question(metrics: readonly string[], view: View, agg: string): string {
  const query = new URLSearchParams(metrics.map((name): [string, string] => ['metric', name]));
  for (const [name, value] of Object.entries(historyTime(view))) query.set(name, value as string);
  for (const index of view.devices ?? []) query.append('device', String(index));
  query.set('step', `${stepOf(view.seconds)}s`);
  query.set('agg', agg);
  return `${location.origin}${HISTORY}?${query}`;
}

function Picker({ catalogue, chosen, add }: { catalogue: readonly MetricEntry[];
  chosen: readonly string[]; add: (name: string) => void }): React.JSX.Element {
  const [text, setText] = useState('');
  const take = (value: string): void => {
    const found = catalogue.find((one) => one.name === value || one.title === value);
    const isNew = found !== undefined && !chosen.includes(found.name) && chosen.length < MOST;
    setText(found === undefined ? value : '');
    if (isNew) add(found.name);
  };
  return (
    <label className="search"><Icon name="search" /><span className="hidden">Add a metric</span>
      <input id="search" type="search" list="metrics" value={text} maxLength={60} spellCheck={false}
        autoComplete="off" disabled={chosen.length >= MOST}
        placeholder={chosen.length >= MOST ? `${MOST} at once` : `Add one of ${catalogue.length} metrics`}
        onChange={(event) => take(event.target.value)} />
      <datalist id="metrics">{catalogue.filter((one) => !chosen.includes(one.name)).map((one) =>
        <option key={one.name} value={one.name}>{one.about}</option>)}</datalist></label>
  );
}

const meanOf = (history: History | null, metric: string, chosen: readonly number[]): number | null => {
  const values = (history?.series ?? []).filter((one) => one.metric === metric &&
    one.device !== null && chosen.includes(one.device))
    .flatMap((one) => one.values.filter((value) => value !== null));
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
};

function MetricChart({ metric, shift, now, before, remove }: { metric: string; shift: number;
  now: History | null; before: History | null; remove: (() => void) | null }) {
  const devices = useDevices();
  const view = useView();
  const unit = now?.series.find((one) => one.metric === metric)?.unit ?? '';
  const format = unitText(unit);
  const series = useMemo(() => (now === null ? null
    : toSeries(now, metric, 0, now.step_ms / 1000)), [now, metric]);
  const behind = useMemo(() => (before === null ? null
    : toSeries(before, metric, shift, before.step_ms / 1000)), [before, metric, shift]);
  const told = new Set(now?.series.filter((one) => one.metric === metric).map((one) => one.device));
  const shown = devices.map((device) => device.index).filter((index) => told.has(index) &&
    (view.devices === null || view.devices.includes(index)));
  if (now === null || series === null) return <section className="panel"><h2>{words(metric)}</h2></section>;
  const [mean, meanBefore] = [meanOf(now, metric, shown), meanOf(before, metric, shown)];
  return (
    <div className="explored">
      {shown.length === 0 ? <section className="panel"><header><h2>{words(metric)}</h2></header>
        <Empty>No device has told it in this time.</Empty></section>
        : <SeriesChart title={words(metric)} name={metric} series={series} before={behind}
          devices={shown} all={devices.length} format={format} tick={format} height={HEIGHT}
          top={unit === 'percent' ? 100 : null} {...(unit === 'bytes' ? { splits: byteSplits } : {})} />}
      <p className="soft foot">{mean !== null && <>Mean {format(mean)}</>}
        {meanBefore !== null && mean !== null && <>, before {format(meanBefore)}
          {meanBefore !== 0 && ` (${((100 * (mean - meanBefore)) / meanBefore).toFixed(1)} %)`}</>}
        {remove !== null && <> <button type="button" onClick={remove}>Take {words(metric)} away</button></>}
      </p>
    </div>
  );
}

const byteSplits = (top: number): number[] => binarySplits(top / 1048576).map((mb) => mb * 1048576);
