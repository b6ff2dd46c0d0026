// SPDX-License-Identifier: Apache-2.0
// What history says of a device over the time that is shown: was it there, and where is it going?
import type { History } from '@gpuvigil/client';
import { celsius, exactPercent, memory, span, watts } from '../base/format';
import { HISTORY, useOffers } from '../base/server';
import { useView } from '../base/view';
import { useHistory } from '../live/history';
import { Missing, Skeleton, Trouble, Value } from '../parts/value';
import { Fact } from './kernel_drawer';

const ROWS: readonly [string, string, (value: number) => string][] = [
  ['gpu_utilization', 'Utilization', exactPercent],
  ['memory_used', 'Memory', (bytes) => memory(bytes / 1048576)],
  ['power', 'Power', watts], ['temperature', 'Temperature', celsius]];
const METRICS = ROWS.map(([metric]) => metric);

type Series = History['series'][number];

const known = (series: Series): number[] => series.values.filter((value) => value !== null);

/** Up, down or level: a slope that moves less than a hundredth of the mean in an hour is level. */
function slopeText(slope: number, mean: number, format: (value: number) => string): string {
  if (Math.abs(slope) < 0.01 * Math.abs(mean) || slope === 0) return 'level';
  return `${slope > 0 ? '↗ +' : '↘ −'}${format(Math.abs(slope))} an hour`;
}

export function DevicePast({ uuid }: { uuid: string }): React.JSX.Element | null {
  const view = useView();
  const offered = useOffers(HISTORY);
  const polled = useHistory(METRICS, view, { trend: 'true', device: [uuid] });
  if (!offered) return null;
  const ratio = polled.data?.availability?.find((one) => one.uuid === uuid)?.availability_ratio;
  return (
    <section className="panel scroll" tabIndex={0} aria-label="Over this time">
      <header><h2>Over this time</h2><span className="soft">{span(view.seconds)}, from history</span>
      </header>
      <Trouble error={polled.error} at={polled.at} />
      {polled.data === null && polled.error === null && <Skeleton lines={4} />}
      {polled.data !== null && <>
        <dl className="facts wide"><Fact name="There and healthy">
          {ratio === null || ratio === undefined
            ? <Missing reason="history covers nothing of this time" />
            : `${exactPercent(100 * ratio)} of what history covers`}</Fact>
        <Fact name="Covered">{exactPercent(100 * polled.data.window.coverage)}</Fact></dl>
        <table className="small"><thead><tr><th scope="col">Metric</th><th scope="col">Least</th>
          <th scope="col">Mean</th><th scope="col">Most</th><th scope="col">Trend</th></tr></thead>
        <tbody>{ROWS.map(([metric, name, format]) => {
          const series = polled.data!.series.find((one) => one.metric === metric);
          const values = series === undefined ? [] : known(series);
          const mean = values.reduce((a, b) => a + b, 0) / values.length;
          const slope = series?.trend?.slope_per_hour ?? null;
          const value = (found: number) => <Value value={values.length === 0 ? null : found}
            format={format} reason="history has no value of it in this time" />;
          return <tr key={metric}><th scope="row">{name}</th>
            <td>{value(Math.min(...values))}</td><td>{value(mean)}</td>
            <td>{value(Math.max(...values))}</td>
            <td>{slope === null ? <Missing reason="it takes three values" />
              : slopeText(slope, mean, format)}</td></tr>;
        })}</tbody></table>
      </>}
    </section>
  );
}
