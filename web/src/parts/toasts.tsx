// SPDX-License-Identifier: Apache-2.0
// Alerts that begin or end, in the corner: a rule once, at most three, the critical ones until they
// are put away. F8 goes there.
import { useEffect, useReducer, useRef, useState } from 'react';
import type { Alert } from '@gpuvigil/client';
import { acknowledge, silence, SILENCE_SPANS, useAlertPowers } from '../base/alerting';
import { notify } from '../base/notify';
import { go, pageAddress, placeNow } from '../base/location';
import { onAlert } from '../live/live';
import { Icon, Mark } from './icons';
import { middle, visible } from './kernel_name';
import { Menu, MenuAction } from './menu';

const MOST = 3;
const SHOWN_MS = 8000;
const MOST_TEXT = 300;

export interface Toast {
  alert: Alert;
  /** How many of the same rule it stands for. */
  count: number;
  /** When it goes by itself, by performance.now(); Infinity: never. */
  until: number;
}

type Act = { alert: Alert; now: number } | { drop: string } | { now: number; held: boolean };

const urgency = (toast: Toast): number =>
  toast.alert.state !== 'firing' ? 0 : toast.alert.severity === 'critical' ? 2 : 1;

/** What is shown after something has happened; the least urgent and oldest make room. */
export function nextToasts(toasts: readonly Toast[], act: Act): Toast[] {
  if ('drop' in act) return toasts.filter((one) => one.alert.rule !== act.drop);
  if (!('alert' in act)) {
    return act.held ? toasts.map((one) => ({ ...one, until: Math.max(one.until, act.now + SHOWN_MS / 2) }))
      : toasts.filter((one) => one.until > act.now);
  }
  const { alert, now } = act;
  const same = toasts.find((one) => one.alert.rule === alert.rule);
  const stays = alert.state === 'firing' && alert.severity === 'critical';
  const known = same?.alert.id === alert.id || same?.alert.state !== alert.state;
  const toast: Toast = { alert, count: same === undefined || known ? 1 : same.count + 1,
    until: stays ? Infinity : now + SHOWN_MS };
  const all = [...toasts.filter((one) => one !== same), toast];
  while (all.length > MOST) {
    const least = all.reduce((a, b) => (urgency(b) < urgency(a) ? b : a));
    all.splice(all.indexOf(least), 1);
  }
  return all;
}

export function Toasts(): React.JSX.Element {
  const [toasts, act] = useReducer(nextToasts, []);
  const region = useRef<HTMLElement>(null);
  useEffect(() => onAlert((alert) => {
    if (alert.state === 'pending') return;
    act({ alert, now: performance.now() });
    if (alert.state === 'firing' && document.hidden) {
      notify(`${alert.severity}: ${middle(alert.rule, 60)}`, visible(alert.message).slice(0, MOST_TEXT),
        alert.rule);
    }
  }), []);
  useEffect(() => {
    if (toasts.length === 0) return undefined;
    // Who reads or has the focus there is not hurried.
    const isHeld = (): boolean => region.current !== null &&
      (region.current.matches(':hover') || region.current.contains(document.activeElement));
    const timer = setInterval(() => act({ now: performance.now(), held: isHeld() }), 500);
    return () => clearInterval(timer);
  }, [toasts.length === 0]);
  useEffect(() => {
    const hear = (event: KeyboardEvent): void => {
      if (event.key !== 'F8') return;
      event.preventDefault();
      (region.current?.querySelector<HTMLElement>('button, a') ?? region.current)?.focus();
    };
    addEventListener('keydown', hear);
    return () => removeEventListener('keydown', hear);
  }, []);
  return (
    <section className="toasts" ref={region} aria-label="Alerts that begin or end (F8)" tabIndex={-1}>
      <div role="status">{toasts.filter((one) => urgency(one) < 2).map((one) =>
        <Card key={one.alert.rule} toast={one} drop={() => act({ drop: one.alert.rule })} />)}</div>
      <div role="alert">{toasts.filter((one) => urgency(one) === 2).map((one) =>
        <Card key={one.alert.rule} toast={one} drop={() => act({ drop: one.alert.rule })} />)}</div>
    </section>
  );
}

function Card({ toast, drop }: { toast: Toast; drop: () => void }): React.JSX.Element {
  const { alert } = toast;
  const over = alert.state !== 'firing';
  return (
    <div className="toast" data-level={over ? 'ok' : alert.severity}>
      <div className="line"><Mark level={over ? 'ok' : alert.severity}>
        {over ? 'Over' : alert.severity}</Mark>
      <b className="clip grow">{middle(alert.rule, 60)}{toast.count > 1 && ` ×${toast.count}`}</b>
      <button type="button" className="square" onClick={drop} aria-label="Put away">
        <Icon name="close" /></button></div>
      <p>{visible(alert.message).slice(0, MOST_TEXT)}</p>
      <div className="line"><button type="button" onClick={() => {
        go(pageAddress('/alerts', placeNow().query));
        drop();
      }}>Open</button>{!over && <AlertActions alert={alert} done={drop} />}</div>
    </div>
  );
}

/** Acknowledge and silence, where the server offers it to this caller. */
export function AlertActions({ alert, done }: { alert: Alert; done?: () => void }) {
  const powers = useAlertPowers();
  const [problem, setProblem] = useState('');
  const run = (what: Promise<void>): void => void what.then(() => {
    setProblem('');
    done?.();
  }, (error: Error) => setProblem(error.message));
  return (
    <>
      {powers.ack && !alert.acknowledged &&
        <button type="button" onClick={() => run(acknowledge(alert))}>Acknowledge</button>}
      {powers.silence && <Menu label={`Silence ${middle(alert.rule, 40)}`} text="Silence">
        {SILENCE_SPANS.map((span) => <MenuAction key={span} act={() => run(silence(alert, span))}>
          for {span}</MenuAction>)}</Menu>}
      {problem !== '' && <span className="refusal" role="alert">{problem}</span>}
    </>
  );
}
