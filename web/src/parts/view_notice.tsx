// SPDX-License-Identifier: Apache-2.0
// What an address asks for and cannot have, each with a way out.
import { moment, span } from '../base/format';
import { usePoll } from '../base/poll';
import { HISTORY, server, useContract, useDevices, useOffers, useStatus } from '../base/server';
import { chooseDevices, goLive, showRange, startAnew, useView, type View } from '../base/view';
import { ring } from '../live/live';
import { Mark } from './icons';

const SLACK_MS = 2000; // a range that begins with the first row is not told off for its fraction

export function ViewNotice(): React.JSX.Element | null {
  const view = useView();
  const status = useStatus();
  const devices = useDevices();
  if (view.problems.length > 0) {
    return <Notice text={`Not all of this address is understood. ${view.problems.join(' ')}`}>
      <button type="button" onClick={startAnew}>Show everything, live</button></Notice>;
  }
  const gone = status.data === null ? [] : (view.devices ?? [])
    .filter((index) => !devices.some((device) => device.index === index));
  if (gone.length > 0) {
    return <Notice text={`There is no GPU ${gone.join(', ')} here, of which this address tells.`}>
      <button type="button" onClick={() => chooseDevices(null)}>Show all devices</button></Notice>;
  }
  return view.from === null ? null : <TimeNotice view={view} />;
}

const Notice = ({ text, children }: { text: string; children: React.ReactNode }) => (
  <p className="banner notice" role="status"><Mark level="warning" /> {text} {children}</p>
);

const Live = () => <button type="button" onClick={goLive}>Go live</button>;

/** A time of which nothing, or not everything, is known. */
function TimeNotice({ view }: { view: View }): React.JSX.Element | null {
  const offered = useOffers(HISTORY);
  const isKnown = useContract() !== null; // until then nobody says that history is not offered
  const polled = usePoll('what is kept', (signal) => server.system({ signal }), 15_000);
  if (polled.data === null || !isKnown) return null;
  const [from, to] = [view.from!, view.to!];
  const now = Date.parse(polled.data.timestamp);
  const seen = ring.size === 0 ? now : ring.oldest * 1000;
  const kept = polled.data.history.oldest === null || !offered ? null
    : Date.parse(polled.data.history.oldest);
  const oldest = Math.min(kept ?? Infinity, seen);
  if (from > now + SLACK_MS) {
    return <Notice text={`This time begins in ${span((from - now) / 1000)}.`}><Live /></Notice>;
  }
  if (from >= oldest - SLACK_MS) return null;
  if (view.mode === 'paused' && to > oldest) return null; // what is hatched needs no words then
  const why = kept !== null ? `History begins on ${moment(kept)}`
    : offered && polled.data.history.recording ? 'History has only just begun'
    : `This server keeps no history${offered && polled.data.history.problem !== null
      ? ` (${polled.data.history.problem})` : ''}; this page has watched since ${moment(seen)}`;
  // Where history has just begun that is nearly nothing: a second at least, or there is no range.
  const length = Math.max(Math.min(to - from, now - oldest), 1000);
  const first = (): void => showRange(oldest, oldest + length);
  return (
    <Notice text={to <= oldest ? `Nothing is known of this time. ${why}.`
      : `${why}: what was before is hatched.`}>
      <button type="button" onClick={first}>Show the first that is known</button> <Live /></Notice>
  );
}
