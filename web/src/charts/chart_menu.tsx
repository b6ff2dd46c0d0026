// SPDX-License-Identifier: Apache-2.0
// What can be done with a chart: its values as a table or a file, its picture, its address.
import { useEffect, useRef, useState } from 'react';
import { moment } from '../base/format';
import { saveCsv, savePng, type Cell } from '../base/save';
import { Icon } from '../parts/icons';
import { Menu, MenuAction } from '../parts/menu';
import { copyLink } from '../parts/value';
import type { Columns } from '../live/ring';

const MOST_ROWS = 500;

/** A row a moment, a column a device; null where nobody said anything. */
export function chartRows(columns: Columns, name: string, devices: readonly number[]): Cell[][] {
  const values = devices.map((index) => columns.devices.get(index));
  const rows: Cell[][] = [['time', ...devices.map((index) => `${name} GPU ${index}`)]];
  columns.times.forEach((time, i) => rows.push([new Date(time * 1000).toISOString(),
    ...values.map((line) => (line !== undefined && line[i] === line[i] ? line[i]! : null))]));
  return rows;
}

export interface ChartMenuProps {
  title: string;
  name: string;
  devices: readonly number[];
  columns: () => Columns;
  canvas: () => HTMLCanvasElement | null;
}

export function ChartMenu({ title, name, devices, columns, canvas }: ChartMenuProps) {
  const [rows, setRows] = useState<Cell[][] | null>(null);
  const read = (): Cell[][] => chartRows(columns(), name, devices);
  const picture = (): void => {
    const drawn = canvas();
    const { times } = columns();
    if (drawn === null || times.length === 0) return;
    savePng(title, `${moment(times[0]! * 1000)} to ${moment(times.at(-1)! * 1000).slice(11)}`, drawn);
  };
  return (
    <>
      <Menu label={`${title}: save or share`} icon="more" className="chart-menu">
        <MenuAction act={() => setRows(read())}>Show as a table</MenuAction>
        <MenuAction act={() => saveCsv(title, read())}>Save as CSV</MenuAction>
        <MenuAction act={picture}>Save as PNG</MenuAction>
        <MenuAction act={copyLink}>Copy a link to this time</MenuAction>
      </Menu>
      {rows !== null && <RowsDialog title={title} rows={rows} close={() => setRows(null)} />}
    </>
  );
}

function RowsDialog({ title, rows, close }:
  { title: string; rows: Cell[][]; close: () => void }): React.JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const [head, ...all] = rows;
  const shown = all.slice(-MOST_ROWS).reverse();
  return (
    <dialog className="help rows-dialog" ref={dialog} onClose={close} aria-label={`${title} as a table`}>
      <header><h2>{title}</h2><span className="soft">newest first
        {all.length > MOST_ROWS && `, ${MOST_ROWS} of ${all.length}`}</span><span className="fill" />
        <button type="button" className="square" onClick={close} aria-label="Close">
          <Icon name="close" /></button></header>
      <div className="scroll" tabIndex={0} role="region" aria-label="Values">
        <table className="small"><thead><tr>{head!.map((cell, i) =>
          <th key={i} scope="col">{i === 0 ? 'Time' : String(cell).split(' ').slice(-2).join(' ')}</th>)}
        </tr></thead>
        <tbody>{shown.map((row) => <tr key={row[0]}>{row.map((cell, i) => i === 0
          ? <th key={i} scope="row" className="mono">{moment(Date.parse(String(cell)))}</th>
          : <td key={i}>{cell === null ? '–' : Number((cell as number).toPrecision(7))}</td>)}
        </tr>)}</tbody></table></div>
    </dialog>
  );
}
