// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react';
import type { Alert } from '@gpuvigil/client';
import { moment, span, words } from '../base/format';
import { useAlertPowers } from '../base/alerting';
import { change, pageAddress, usePlace } from '../base/location';
import { canNotify, notifies, switchNotify } from '../base/notify';
import { saveCsv } from '../base/save';
import { useAlerts } from '../base/server';
import { useView } from '../base/view';
import { Mark } from '../parts/icons';
import { visible } from '../parts/kernel_name';
import { Link } from '../parts/link';
import { AlertActions } from '../parts/toasts';
import { Empty, Skeleton, Trouble } from '../parts/value';

const STATES = [['firing', 'Firing'], ['pending', 'Pending'], ['resolved', 'Resolved']] as const;

export function Alerts(): React.JSX.Element {
  const { query } = usePlace();
  const view = useView();
  const polled = useAlerts();
  const powers = useAlertPowers();
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
        {powers.wouldAfterLogin && <span className="soft">Whoever may write can acknowledge and silence:{' '}
          <a href="/login">log in</a></span>}
        {polled.data && <span className="soft">{polled.data.active_alerts} firing,{' '}
          {polled.data.total_alerts_today} began today (UTC)</span>}
        <span className="fill" />
        {canNotify() && <Desktop />}
        {rows.length > 0 && <button type="button" onClick={() => saveCsv('alerts', csv(rows))}>
          Save as CSV</button>}
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

const csv = (rows: readonly Alert[]) => [['began', 'ended', 'state', 'severity', 'rule', 'message',
  'metric', 'worst', 'threshold', 'device', 'acknowledged'], ...rows.map((one) => [one.timestamp,
  one.resolved_at, one.state, one.severity, one.rule, visible(one.message), one.metric, one.value,
  one.threshold, one.device, String(one.acknowledged)])];

function Desktop(): React.JSX.Element {
  const [on, setOn] = useState(notifies);
  return (
    <label className="check"><input type="checkbox" checked={on} onChange={(event) =>
      void switchNotify(event.target.checked).then(setOn)} />
    Tell me on this desktop</label>
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
        {alert.state === 'firing' && <div className="line"><AlertActions alert={alert} /></div>}
      </div>
      {alert.device === null ? <span className="soft">The machine</span>
        : <Link to={pageAddress(`/devices/${alert.device}`, query)}>GPU {alert.device}</Link>}
      <time dateTime={alert.timestamp} className="soft">{moment(began)}
        <small>{ended === null ? `for ${span((Date.now() - began) / 1000)}`
          : `lasted ${span((ended - began) / 1000)}`}</small></time>
    </li>
  );
}
