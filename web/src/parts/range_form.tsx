// SPDX-License-Identifier: Apache-2.0
// A range by its two ends, for who does not drag; and steps from one range to the next.
import { useState } from 'react';
import { moment } from '../base/format';
import { showRange, useView } from '../base/view';
import { ring } from '../live/live';
import { Menu } from './menu';

const field = (ms: number): string => moment(ms).replace(' ', 'T');

export function RangeForm(): React.JSX.Element {
  return <Menu label="Choose a range" text="Range" className="choice range-form"><Form /></Menu>;
}

function Form(): React.JSX.Element {
  const view = useView();
  const newest = ring.newest === 0 ? Date.now() : ring.newest * 1000;
  const to = view.to ?? newest;
  const from = view.from ?? to - view.seconds * 1000;
  const [problem, setProblem] = useState('');
  const move = (low: number, high: number): void => {
    const past = Math.max(0, high - newest); // not into what is to come
    showRange(Math.round(low - past), Math.round(high - past));
  };
  const width = to - from;
  return (
    <form noValidate onSubmit={(event) => {
      event.preventDefault();
      const data = new FormData(event.currentTarget);
      const ends = ['from', 'to'].map((name) => Date.parse(String(data.get(name))));
      if (!ends.every(Number.isFinite)) setProblem('Give both ends.');
      else if (ends[0]! >= ends[1]!) setProblem('It must begin before it ends.');
      else {
        event.currentTarget.closest('details')!.open = false;
        showRange(ends[0]!, ends[1]!);
      }
    }}>
      <div className="steps" role="group" aria-label="From this range to another">
        <button type="button" onClick={() => move(from - width, from)}>‹ Earlier</button>
        <button type="button" onClick={() => move(from - width / 2, to + width / 2)}>Wider</button>
        <button type="button" onClick={() => move(from + width / 4, to - width / 4)}>Closer</button>
        <button type="button" onClick={() => move(to, to + width)}>Later ›</button>
      </div>
      <label>From <input type="datetime-local" name="from" step="1" key={`f${from}`}
        defaultValue={field(from)} /></label>
      <label>To <input type="datetime-local" name="to" step="1" key={`t${to}`}
        defaultValue={field(to)} /></label>
      <p className="refusal" role="alert">{problem}</p>
      <button type="submit" className="primary">Show</button>
    </form>
  );
}
