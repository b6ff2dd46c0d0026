// SPDX-License-Identifier: Apache-2.0
// Ctrl+K: pages, devices, kernels and what can be done, by a few letters.
import { useEffect, useRef, useState } from 'react';
import { address, change, go, pageAddress, placeNow } from '../base/location';
import { usePoll } from '../base/poll';
import { server, useDevices } from '../base/server';
import { toggleTheme } from '../base/theme';
import { chooseDevices, showWindow, startAnew, WINDOWS } from '../base/view';
import { middle } from './kernel_name';
import { PAGES, togglePause } from './keys';
import { copyLink } from './value';

export interface Entry {
  group: string;
  name: string;
  hint?: string;
  act: () => void;
}

const KERNELS = 8;
const MOST = 40;

/** How well letters fit a name: none out of order, the closer together the better; null: not at all. */
export function fit(letters: string, name: string): number | null {
  const text = name.toLowerCase();
  const wanted = letters.toLowerCase().replaceAll(' ', '');
  const whole = text.indexOf(letters.toLowerCase());
  if (whole >= 0) return whole === 0 ? 0 : 1 + whole / 1000;
  let at = -1;
  let jumps = 0;
  for (const letter of wanted) {
    const next = text.indexOf(letter, at + 1);
    if (next < 0) return null;
    jumps += at >= 0 ? next - at - 1 : 0;
    at = next;
  }
  return 10 + jumps;
}

const toPage = (path: string) => (): void => go(pageAddress(path, placeNow().query));

function actions(showHelp: () => void): Entry[] {
  const group = 'Do';
  return [
    { group, name: 'Pause, or go live', hint: 'Space', act: togglePause },
    { group, name: 'Show everything, live', hint: '0', act: startAnew },
    { group, name: 'Dark or light colours', hint: 't', act: toggleTheme },
    { group, name: 'Copy a link to what is shown', act: copyLink },
    { group, name: 'Keys', hint: '?', act: showHelp },
    { group, name: 'Screen on a wall: without the frame', act: () => change({ tv: '1' }, false) },
    { group, name: 'All devices', act: () => chooseDevices(null) },
    { group, name: 'Read the API', act: () => location.assign('/docs') },
    ...WINDOWS.map((one) => ({ group, name: `Last ${one.name}`, act: () => showWindow(one.name) })),
  ];
}

export function Palette({ close, showHelp }: { close: () => void; showHelp: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const devices = useDevices();
  const wanted = text.trim();
  const kernels = usePoll(wanted.length < 2 ? null : `palette ${wanted}`, (signal) => server.kernels({
    name: [`*${wanted.slice(0, 100)}*`], sort_by: 'total_time', kind: 'all', limit: KERNELS }, { signal }),
  Infinity);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);

  const known: Entry[] = [
    ...PAGES.map((page) => ({ group: 'Go to', name: page.name, hint: `g ${page.key}`,
      act: toPage(page.path) })),
    ...actions(showHelp),
    ...devices.map((device) => ({ group: 'Device', name: `GPU ${device.index} ${device.name ?? ''}`,
      hint: `…${device.uuid.slice(-8)}`, act: toPage(`/devices/${device.index}`) })),
  ];
  const found = known.map((entry) => ({ entry, fits: fit(wanted, entry.name) }))
    .filter((one) => one.fits !== null).sort((a, b) => a.fits! - b.fits!).map((one) => one.entry);
  const entries = [...found, ...(kernels.data?.kernels ?? []).map((kernel): Entry => ({
    group: 'Kernel', name: middle(kernel.short_name === '' ? kernel.name : kernel.short_name, 90),
    act: () => go(address('/kernels', new URLSearchParams(), { k: kernel.id, kind: 'all', time: 'all' })),
  }))].slice(0, MOST);
  const chosen = Math.min(active, entries.length - 1);
  const run = (entry: Entry | undefined): void => {
    if (entry === undefined) return;
    dialog.current?.close();
    entry.act();
  };
  useEffect(() => {
    document.getElementById(`entry-${chosen}`)?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);
  return (
    <dialog className="palette" ref={dialog} onClose={close} aria-label="Go and do"
      onClick={(event) => { if (event.target === dialog.current) dialog.current.close(); }}>
      <input type="text" role="combobox" aria-expanded="true" aria-controls="entries" value={text}
        aria-activedescendant={entries.length > 0 ? `entry-${chosen}` : undefined} autoFocus
        aria-label="Page, device, kernel or action" placeholder="Page, device, kernel or action"
        maxLength={100} spellCheck={false} autoComplete="off"
        onChange={(event) => {
          setText(event.target.value);
          setActive(0);
        }}
        onKeyDown={(event) => {
          const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (by !== undefined) setActive((chosen + by + entries.length) % Math.max(entries.length, 1));
          else if (event.key === 'Enter') run(entries[chosen]);
          else return;
          event.preventDefault();
        }} />
      <ul id="entries" role="listbox" aria-label="What fits">
        {entries.map((entry, i) => (
          <li key={`${entry.group} ${entry.name} ${i}`} id={`entry-${i}`} role="option"
            aria-selected={i === chosen} onClick={() => run(entry)}>
            <span className="soft group">{entry.group}</span><span className="clip grow">{entry.name}</span>
            {entry.hint && <kbd>{entry.hint}</kbd>}</li>))}
      </ul>
      {entries.length === 0 && <p className="soft foot" role="status">
        {kernels.loading && wanted.length >= 2 ? 'Looking …' : 'Nothing fits.'}</p>}
    </dialog>
  );
}
