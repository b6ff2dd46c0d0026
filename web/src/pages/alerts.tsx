// SPDX-License-Identifier: Apache-2.0
import type { Alert } from '@gpuvigil/client';
import { moment, span, words } from '../base/format';
import { change, pageAddress, usePlace } from '../base/location';
import { useAlerts } from '../base/server';
import { useView } from '../base/view';
import { Mark } from '../parts/icons';
import { visible } from '../parts/kernel_name';
import { Link } from '../parts/link';
import { Empty, Skeleton, Trouble } from '../parts/value';

const STATES = [['firing', 'Firing'], ['pending', 'Pending'], ['resolved', 'Resolved']] as const;

export function Alerts(): React.JSX.Element {
  const { query } = usePlace();
  const view = useView();
  const polled = useAlerts();
  const severity = query.get('severity');
  const rows = (polled.data?.alerts ?? []).filter((alert) =>
    (severity !== 'critical' || alert.severity === 'critical') &&
    (view.devices === null || alert.device === null || view.devices.includes(alert.device)));
  return (
    <>
      <h1>Alerts</h1>
      <div className="filters">
        <div className="segments" role="group" aria-label="Which">
          <button type="button" aria-pressed={severity !== 'critical'}
            onClick={() => change({ severity: null })}>All</button>
          <button type="button" aria-pressed={severity === 'critical'}
            onClick={() => change({ severity: 'critical' })}>Critical</button>
        </div>
        {polled.data && <span className="soft">{polled.data.active_alerts} firing,{' '}
          {polled.data.total_alerts_today} began today (UTC)</span>}
      </div>
      <Trouble error={polled.error} at={polled.at} />
      {polled.data === null && polled.error === null && <Skeleton lines={6} />}
      {polled.data !== null && STATES.map(([state, name]) => {
        const these = rows.filter((alert) => alert.state === state);
        if (these.length === 0 && state === 'pending') return null;
        return (
          <section key={state} className="panel">
            <header><h2>{name}</h2><span className="soft">{these.length}</span></header>
            {these.length === 0 && <Empty>{state === 'firing' ? 'Nothing fires.'
              : 'Nothing has fired and ended since the server began.'}</Empty>}
            <ul className="alerts">{these.map((alert) => <Row key={alert.id} alert={alert} />)}</ul>
          </section>);
      })}
    </>
  );
}

function Row({ alert }: { alert: Alert }): React.JSX.Element {
  const { query } = usePlace();
  const began = Date.parse(alert.timestamp);
  const ended = alert.resolved_at === null ? null : Date.parse(alert.resolved_at);
  const level = alert.state === 'resolved' ? 'ok' : alert.severity;
  return (
    <li data-state={alert.state}>
      <Mark level={level}>{alert.state === 'resolved' ? 'over' : alert.severity}</Mark>
      <div>
        <p><b>{visible(alert.message)}</b></p>
        <p className="soft">{words(alert.metric)}: worst {Number(alert.value.toPrecision(5))}, threshold{' '}
          {alert.threshold}. Rule <span className="mono">{visible(alert.rule)}</span>
          {alert.acknowledged && ', acknowledged'}{alert.silenced && ', silenced'}.</p>
      </div>
      {alert.device === null ? <span>The machine</span>
        : <Link to={pageAddress(`/devices/${alert.device}`, query)}>GPU {alert.device}</Link>}
      <time dateTime={alert.timestamp} className="soft">{moment(began)}
        <small>{ended === null ? `for ${span((Date.now() - began) / 1000)}`
          : `lasted ${span((ended - began) / 1000)}`}</small></time>
    </li>
  );
}
