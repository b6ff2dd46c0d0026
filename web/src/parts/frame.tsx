// SPDX-License-Identifier: Apache-2.0
// What stands around every page: the rail, the bar with time and devices, banners, help.
import { useEffect, useRef, useState } from 'react';
import { span } from '../base/format';
import { pageAddress, usePlace } from '../base/location';
import { HISTORY, useAlerts, useDevices, useOffers, useStatus } from '../base/server';
import { toggleTheme, useTheme } from '../base/theme';
import { chooseDevices, goLive, showWindow, useView, WINDOWS } from '../base/view';
import { retryNow, ring, useLatest, useLink } from '../live/live';
import { Icon, Mark, type IconName } from './icons';
import { HELP, keysAreOn, PAGES, switchKeys, togglePause, useKeys } from './keys';
import { Link } from './link';
import { Palette } from './palette';
import { RangeForm } from './range_form';
import { Toasts } from './toasts';
import { ViewNotice } from './view_notice';

export function Frame({ children }: { children: React.ReactNode }): React.JSX.Element {
  const [help, setHelp] = useState(false);
  const [palette, setPalette] = useState(false);
  useKeys(setHelp, setPalette);
  const { path, query } = usePlace();
  const tv = query.get('tv') === '1';
  const main = useRef<HTMLElement>(null);
  const page = PAGES.find((one) => one.path !== '/' && path.startsWith(one.path)) ?? PAGES[0]!;
  useEffect(() => {
    document.title = page.path === '/' ? 'gpuvigil' : `${page.name} · gpuvigil`;
    scrollTo(0, 0);
  }, [path, page]);
  return (
    <div className="frame" data-tv={tv || undefined}>
      <a className="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        main.current?.focus();
      }}>Skip to the content</a>
      {!tv && <Rail active={page.path} />}
      <div className="column">
        {!tv && <TopBar onHelp={() => setHelp(true)} onPalette={() => setPalette(true)} />}
        <Banners />
        {!tv && <ViewNotice />}
        <main id="main" ref={main} tabIndex={-1}>{children}</main>
      </div>
      {palette && <Palette close={() => setPalette(false)} showHelp={() => setHelp(true)} />}
      <Toasts />
      {help && <Help close={() => setHelp(false)} />}
    </div>
  );
}

function Rail({ active }: { active: string }): React.JSX.Element {
  const { query } = usePlace();
  const firing = useAlerts().data?.active_alerts ?? 0;
  return (
    <nav className="rail" aria-label="Pages">
      <Link to={pageAddress('/', query)} className="brand" aria-label="gpuvigil, overview">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M2 12c3-5 6.3-7.5 10-7.5S19 7 22 12c-3 5-6.3 7.5-10 7.5S5 17 2 12z" />
          <path d="M9 15v-3M12 15V8.5M15 15v-4.5" />
        </svg><span>gpuvigil</span></Link>
      <ul>
        {PAGES.map((page) => (
          <li key={page.path}>
            <Link to={pageAddress(page.path, query)}
              aria-current={page.path === active ? 'page' : undefined}>
              <Icon name={page.name.toLowerCase() as IconName} /><span>{page.name}</span>
              {page.path === '/alerts' && firing > 0 && <b className="count">{firing}</b>}
            </Link>
          </li>))}
        <li className="apart"><a href="/docs"><Icon name="docs" /><span>API</span></a></li>
      </ul>
    </nav>
  );
}

function TopBar({ onHelp, onPalette }: { onHelp: () => void; onPalette: () => void }): React.JSX.Element {
  const theme = useTheme();
  return (
    <header className="topbar">
      <TimeControl />
      <DeviceChoice />
      <span className="fill" />
      <button type="button" className="square" onClick={onPalette} aria-label="Go and do"
        title="Go and do (Ctrl+K)"><Icon name="search" /></button>
      <Pill />
      <button type="button" className="square" onClick={toggleTheme}
        aria-label={theme === 'dark' ? 'Light colours' : 'Dark colours'} title="Dark or light (t)">
        <Icon name="theme" /></button>
      <button type="button" className="square" onClick={onHelp} aria-label="Keys" title="Keys (?)">
        <Icon name="help" /></button>
    </header>
  );
}

function TimeControl(): React.JSX.Element {
  const view = useView();
  const history = useOffers(HISTORY);
  const latest = useLatest();
  const behind = view.mode === 'paused' && view.to !== null && latest !== null
    ? Math.max(0, ring.newest - view.to / 1000) : 0;
  return (
    <div className="time">
      <button type="button" className="play" onClick={togglePause} title="Space"
        aria-pressed={view.mode !== 'live'}>
        <Icon name={view.mode === 'live' ? 'pause' : 'play'} />
        {view.mode === 'live' ? 'Pause' : 'Go live'}
      </button>
      {view.mode === 'range' && <span className="note">Range of {span(view.seconds)}
        <button type="button" onClick={goLive} aria-label="Leave the range">
          <Icon name="close" /></button></span>}
      {view.mode === 'paused' && <span className="note" role="status">
        Paused{behind >= 1 && <>, {span(behind)} behind</>}</span>}
      <div className="segments" role="group" aria-label="How far back">
        {WINDOWS.filter((one) => history || !one.history).map((one) => (
          <button key={one.name} type="button" onClick={() => showWindow(one.name)}
            aria-pressed={view.mode !== 'range' && view.window === one.name}>{one.name}</button>))}
      </div>
      <RangeForm />
    </div>
  );
}

function DeviceChoice(): React.JSX.Element | null {
  const devices = useDevices();
  const view = useView();
  const box = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const away = (event: Event): void => {
      if (box.current?.open && !box.current.contains(event.target as Node)) box.current.open = false;
    };
    addEventListener('pointerdown', away);
    return () => removeEventListener('pointerdown', away);
  }, []);
  if (devices.length < 2) return null;
  const chosen = new Set(view.devices ?? []);
  const toggle = (index: number): void => {
    if (!chosen.delete(index)) chosen.add(index);
    chooseDevices([...chosen]);
  };
  return (
    <details className="choice" ref={box} onKeyDown={(event) => {
      if (event.key !== 'Escape' || !box.current?.open) return;
      box.current.open = false;
      box.current.querySelector('summary')?.focus();
    }}>
      <summary>{chosen.size === 0 ? `All ${devices.length} GPUs`
        : `${chosen.size} of ${devices.length} GPUs`}</summary>
      <div className="menu">
        <button type="button" onClick={() => chooseDevices(null)}>All</button>
        {devices.map((device) => (
          <label key={device.uuid}>
            <input type="checkbox" checked={chosen.has(device.index)}
              onChange={() => toggle(device.index)} />
            <b>{device.index}</b> {device.name ?? device.uuid}
          </label>))}
      </div>
    </details>
  );
}

function Pill(): React.JSX.Element {
  const link = useLink();
  const text = { connecting: 'Connecting', live: 'Live', stale: `Stale ${span(link.age)}`,
    offline: link.age > 0 ? `Offline ${span(link.age)}` : 'Offline' }[link.state];
  const level = link.state === 'live' ? 'ok' : link.state === 'connecting' ? 'unknown'
    : link.state === 'stale' ? 'warning' : 'critical';
  return (
    <button type="button" className="pill" data-state={link.state} onClick={retryNow}
      title={link.dropped > 0 ? `${link.dropped} messages missed: this page was too slow`
        : 'The live stream of the server'}>
      <Mark level={level}>{text}</Mark>
    </button>
  );
}

function Banners(): React.JSX.Element {
  const status = useStatus();
  const link = useLink();
  const replay = status.data?.devices.some((device) => device.source === 'replay');
  return (
    <section aria-label="Notices">
      {status.data?.demo && <p className="banner demo" role="note">
        <b>DEMO</b> A simulated machine. None of these GPUs exists.</p>}
      {replay && <p className="banner" role="note"><b>REPLAY</b> A recording: utilization is the
        share of time in which a kernel ran.</p>}
      {link.state === 'offline' && <p className="banner critical" role="alert">
        <Mark level="critical" /> The server does not answer. What is shown is
        {link.age > 0 ? ` ${span(link.age)} old` : ' not from now'}; it is tried again by itself.</p>}
    </section>
  );
}

function Help({ close }: { close: () => void }): React.JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [on, setOn] = useState(keysAreOn);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog className="help" ref={dialog} onClose={close} aria-labelledby="help-title">
      <header><h2 id="help-title">Keys</h2>
        <button type="button" className="square" onClick={close} aria-label="Close">
          <Icon name="close" /></button></header>
      <dl>
        {HELP.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}
      </dl>
      <label><input type="checkbox" checked={on} onChange={(event) => {
        switchKeys(event.target.checked);
        setOn(event.target.checked);
      }} /> Single keys do something</label>
    </dialog>
  );
}
