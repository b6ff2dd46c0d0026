// SPDX-License-Identifier: Apache-2.0
import type { GpuEvent } from '@gpuvigil/client';
import { moment, words } from '../base/format';
import { Mark } from './icons';
import { visible } from './kernel_name';

export function EventList({ events }: { events: readonly GpuEvent[] }): React.JSX.Element {
  return (
    <ul className="events">
      {events.map((event, i) => (
        <li key={`${event.timestamp} ${i}`}>
          <Mark level={event.severity === 'info' ? 'unknown' : event.severity}>
            <span className="hidden">{event.severity}</span></Mark>
          <div>
            <p><b>{words(event.kind)}{event.code === null ? '' : ` ${event.code}`}</b>
              {event.device === null ? '' : ` GPU ${event.device}`}
              <time className="soft" dateTime={event.timestamp}>
                {moment(Date.parse(event.timestamp))}</time></p>
            <p>{visible(event.message)}</p>
            {event.advice !== null && <p className="soft">{event.advice}</p>}
          </div>
        </li>))}
    </ul>
  );
}
