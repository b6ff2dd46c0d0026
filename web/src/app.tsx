// SPDX-License-Identifier: Apache-2.0
import { Component, useEffect } from 'react';
import { go, pageAddress, placeNow, usePlace } from './base/location';
import { whenUnauthorized } from './base/poll';
import { startLive, stopLive } from './live/live';
import { Frame } from './parts/frame';
import { Link } from './parts/link';
import { Empty } from './parts/value';
import { Alerts } from './pages/alerts';
import { DevicePage } from './pages/device';
import { Devices } from './pages/devices';
import { Kernels } from './pages/kernels';
import { Login } from './pages/login';
import { Overview } from './pages/overview';
import { Processes } from './pages/processes';
import { SystemPage } from './pages/system';

const PAGES: Record<string, () => React.JSX.Element> = {
  '/': Overview,
  '/devices': Devices,
  '/kernels': Kernels,
  '/processes': Processes,
  '/alerts': Alerts,
  '/system': SystemPage,
};

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function Page({ path }: { path: string }): React.JSX.Element {
  const { query } = usePlace();
  const device = /^\/devices\/([^/]+)$/.exec(path);
  if (device) return <DevicePage key={path} reference={decoded(device[1]!)} />;
  const plain = path.replace(/(.)\/$/, '$1');
  const Known = Object.hasOwn(PAGES, plain) ? PAGES[plain] : undefined;
  if (Known !== undefined) return <Known />;
  return <><h1>No such page</h1><Empty>There is nothing at this address.{' '}
    <Link to={pageAddress('/', query)}>Overview</Link></Empty></>;
}

/** A mistake of this page is told, and is not a white screen. */
class Guard extends Component<{ children: React.ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };
  static getDerivedStateFromError = (error: Error) => ({ error });
  override render(): React.ReactNode {
    if (this.state.error === null) return this.props.children;
    return <div className="empty" role="alert"><p>This page has made a mistake:{' '}
      {this.state.error.message}</p><p><button type="button" onClick={() => location.reload()}>
      Load it anew</button></p></div>;
  }
}

export function App(): React.JSX.Element {
  const { path } = usePlace();
  const login = path === '/login';
  useEffect(() => {
    if (login) return undefined;
    whenUnauthorized(() => {
      const { path: from, query } = placeNow();
      if (from === '/login') return;
      const text = query.toString();
      go(`/login?next=${encodeURIComponent(text === '' ? from : `${from}?${text}`)}`, true);
    });
    startLive();
    return stopLive;
  }, [login]);
  if (login) return <Guard><Login /></Guard>;
  return <Frame><Guard key={path}><Page path={path} /></Guard></Frame>;
}
