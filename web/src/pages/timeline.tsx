// SPDX-License-Identifier: Apache-2.0
// Single executions over time: of a process that runs, traced for some seconds, or of a file.
import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { useMayWrite } from '../base/alerting';
import { count, duration, exactPercent, plural, words } from '../base/format';
import { address, usePlace } from '../base/location';
import { usePoll } from '../base/poll';
import { saveText } from '../base/save';
import { server, useOffers } from '../base/server';
import { onTheme } from '../base/theme';
import { readTrace, summed, type Span, type TraceView } from '../base/trace';
import { drawLanes, spanAt, type Shown } from '../charts/lanes';
import { KernelName, visible } from '../parts/kernel_name';
import { Link } from '../parts/link';
import { Empty, Trouble } from '../parts/value';

const TRACES = '/api/v1/gpu/traces';
const SECONDS = [1, 2, 5, 10] as const;
const MOST_FILE = 256 * 1024 * 1024;
const MOST_ROWS = 50;

interface Loaded {
  trace: TraceView;
  title: string;
  /** What the server said of it, beside the executions. */
  notes: string[];
  /** As it came, where it came from the server. */
  text: string | null;
}

export function Timeline(): React.JSX.Element {
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const [problem, setProblem] = useState<Error | null>(null);
  const take = (what: Promise<Loaded>): Promise<void> => what.then((found) => {
    setProblem(null);
    setLoaded(found);
  }, (error: Error) => setProblem(error));
  return (
    <>
      <h1>Timeline <small>single executions</small></h1>
      <div className="filters"><Tracing take={take} />
        <label className="file">Open a trace
          <input type="file" accept=".json,.gz" onChange={(event) => {
            const file = event.target.files?.[0];
            if (file !== undefined) void take(openFile(file));
            event.target.value = '';
          }} /></label></div>
      <Trouble error={problem} at={0} />
      {loaded === null ? <section className="panel"><Empty command="gpuvigil trace --pid PID -o t.json">
        Nothing is traced yet. Trace a process that reports itself, or open a Chrome trace that was written
        before; it stays in this page.</Empty></section>
        : <Traced key={loaded.title} loaded={loaded} />}
    </>
  );
}

async function openFile(file: File): Promise<Loaded> {
  if (file.size > MOST_FILE) throw new Error(`${file.name} is larger than 256 MiB`);
  const stream = file.name.endsWith('.gz')
    ? file.stream().pipeThrough(new DecompressionStream('gzip')) : file.stream();
  let json: unknown;
  try {
    json = JSON.parse(await new Response(stream).text());
  } catch {
    throw new Error(`${file.name} is no whole JSON`);
  }
  return load(json, file.name, null);
}

function load(json: unknown, title: string, text: string | null): Loaded {
  const trace = readTrace(json);
  if (trace === null) throw new Error(`${title} is no Chrome trace`);
  const notes: string[] = [];
  if (trace.left > 0) notes.push(`${count(trace.left)} more are in it than are shown.`);
  const said = (json as { otherData?: Record<string, unknown> }).otherData ?? {};
  if (said['is_complete'] === false) notes.push('It ended early.');
  for (const [name, value] of Object.entries(said)) {
    if (/^executions_(?!in_)/.test(name) && typeof value === 'number' && value > 0) {
      notes.push(`${count(value)} ${words(name.replace('executions_', ''))}.`);
    }
  }
  return { trace, title, notes, text };
}

function Tracing({ take }: { take: (what: Promise<Loaded>) => Promise<void> }) {
  const { query } = usePlace();
  const offered = useOffers(TRACES);
  const may = useMayWrite();
  const polled = usePoll(offered ? 'processes to trace' : null, (signal) =>
    server.processes({ limit: 200 }, { signal }), 5000);
  const [busy, setBusy] = useState(false);
  const [seconds, setSeconds] = useState(2);
  const rows = (polled.data?.processes ?? []).filter((row) => row.captures.length > 0);
  const wanted = Number(query.get('pid') ?? 0);
  const [pid, setPid] = useState(0);
  const chosen = rows.find((row) => row.pid === (pid || wanted)) ?? rows[0];
  if (!offered || polled.data === null) return null;
  if (rows.length === 0) return <span className="soft">No process reports itself.</span>;
  if (!may) {
    return <span className="soft">Whoever may write can trace a process: <a href="/login">log in</a></span>;
  }
  const run = async (): Promise<void> => {
    setBusy(true);
    await take(server.trace({ pid: chosen!.pid, duration_ms: seconds * 1000 }).then((answer) =>
      load(answer, `PID ${chosen!.pid} ${chosen!.name ?? ''}`, JSON.stringify(answer))));
    setBusy(false);
  };
  return (
    <>
      <label>Process <select value={chosen?.pid} onChange={(event) => setPid(Number(event.target.value))}>
        {rows.map((row) => <option key={row.pid} value={row.pid}>
          {row.pid} {visible(row.name ?? '')}</option>)}</select></label>
      <label><span className="hidden">For how long</span>
        <select value={seconds} onChange={(event) => setSeconds(Number(event.target.value))}>
          {SECONDS.map((one) => <option key={one} value={one}>for {one} s</option>)}</select></label>
      <button type="button" className="primary" disabled={busy} onClick={() => void run()}>
        {busy ? `Tracing for ${seconds} s …` : 'Trace'}</button>
    </>
  );
}

/** From and to, in µs, kept within the trace. */
type Window = readonly [number, number];
const LEAST_US = 0.01;

export function moved([from, to]: Window, length: number, zoom: number, pan: number, at = 0.5): Window {
  const width = Math.min(Math.max((to - from) * zoom, LEAST_US), length);
  const focus = from + (to - from) * at;
  const low = Math.min(Math.max(focus - width * at + (to - from) * pan, 0), length - width);
  return [low, low + width];
}

/** What keys do: how much closer, and how far along. */
const STEPS: Record<string, readonly [number, number]> = { w: [0.6, 0], s: [1 / 0.6, 0], a: [1, -0.2],
  d: [1, 0.2], ArrowLeft: [1, -0.2], ArrowRight: [1, 0.2], '+': [0.6, 0], '-': [1 / 0.6, 0] };

function Traced({ loaded }: { loaded: Loaded }): React.JSX.Element {
  const { trace } = loaded;
  const [edges, setEdges] = useState<Window>([0, Math.max(trace.length, LEAST_US)]);
  const [chosen, setChosen] = useState<Span | null>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const drag = useRef<{ x: number; edges: Window } | null>(null);
  const shown: Shown = { trace, from: edges[0], to: edges[1], chosen };
  const now = useRef(shown);
  now.current = shown;
  useEffect(() => {
    const draw = (): void => drawLanes(canvas.current!, now.current);
    const size = new ResizeObserver(draw);
    size.observe(canvas.current!);
    const themed = onTheme(draw);
    return () => {
      size.disconnect();
      themed();
    };
  }, []);
  useEffect(() => drawLanes(canvas.current!, shown), [trace, edges, chosen]);
  // React listens to wheels passively, and then the page would scroll as well.
  useEffect(() => {
    const box = canvas.current!;
    const turn = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      const at = (event.clientX - box.getBoundingClientRect().left) / box.clientWidth;
      const by = Math.sign(event.deltaY || event.deltaX);
      setEdges((before) => moved(before, trace.length, event.ctrlKey ? 1 + 0.25 * by : 1,
        event.ctrlKey ? 0 : 0.1 * by, at));
    };
    box.addEventListener('wheel', turn, { passive: false });
    return () => box.removeEventListener('wheel', turn);
  }, [trace]);

  const choose = (span: Span | null): void => {
    setChosen(span);
    if (span !== null && (span.start < edges[0] || span.start > edges[1])) {
      setEdges((before) => moved(before, trace.length, 1,
        (span.start - before[0]) / (before[1] - before[0]) - 0.5));
    }
  };
  const neighbour = (by: number): void => {
    const lane = trace.lanes.find((one) => chosen !== null && one.spans.includes(chosen)) ?? trace.lanes[0];
    if (lane === undefined) return;
    const at = chosen === null ? -1 : lane.spans.indexOf(chosen);
    choose(lane.spans[Math.min(Math.max(at + by, 0), lane.spans.length - 1)] ?? null);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key];
    if (step !== undefined) setEdges((before) => moved(before, trace.length, step[0], step[1]));
    else if (event.key === '.' || event.key === ',') neighbour(event.key === '.' ? 1 : -1);
    else if (event.key === 'f') focusChosen();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const focusChosen = (): void => {
    const whole: Window = [0, trace.length];
    if (chosen === null) setEdges(whole);
    else {
      const margin = Math.max(chosen.length * 2, LEAST_US);
      const near: Window = [Math.max(0, chosen.start - margin),
        Math.min(trace.length, chosen.start + chosen.length + margin)];
      setEdges((before) => (Math.abs(before[0] - near[0]) < LEAST_US ? whole : near));
    }
  };
  const onMove = (event: PointerEvent<HTMLCanvasElement>): void => {
    if (drag.current === null || event.buttons === 0) return;
    const by = (drag.current.x - event.clientX) / event.currentTarget.clientWidth;
    setEdges(moved(drag.current.edges, trace.length, 1, by));
  };
  const onUp = (event: PointerEvent<HTMLCanvasElement>): void => {
    const start = drag.current;
    drag.current = null;
    if (start === null || Math.abs(start.x - event.clientX) > 3) return;
    const box = event.currentTarget.getBoundingClientRect();
    setChosen(spanAt(now.current, event.clientX - box.left, event.clientY - box.top, box.width));
  };
  return (
    <>
      <section className="panel timeline">
        <header><h2>{visible(loaded.title)}</h2><span className="soft">
          {plural(trace.spans, 'execution')} in {duration(trace.length / 1000)}</span>
        {loaded.notes.map((note) => <b key={note} className="loss">{note}</b>)}
        <span className="fill" />
        {loaded.text !== null && <button type="button"
          onClick={() => saveText(`trace ${loaded.title}`, 'json', loaded.text!)}>Save for Perfetto</button>}
        </header>
        {trace.spans === 0 && <Empty>Nothing ran on a GPU in this time.</Empty>}
        <div className="lanes"><ul aria-hidden="true">{trace.lanes.map((lane, i) =>
          <li key={i} title={visible(lane.title)} className="clip">{visible(lane.title)}</li>)}</ul>
        <canvas ref={canvas} tabIndex={0} role="img" onKeyDown={onKey} data-from={edges[0]}
          data-to={edges[1]} aria-label={`${plural(trace.spans, 'execution')} in ` +
            `${plural(trace.lanes.length, 'lane')}. W and S come closer and go back, A and D go along, ` +
            'comma and full stop choose, F shows what is chosen or everything.'}
          onPointerDown={(event) => {
            drag.current = { x: event.clientX, edges };
            event.currentTarget.setPointerCapture(event.pointerId);
          }} onPointerMove={onMove} onPointerUp={onUp} /></div>
        <p className="soft foot" role="status">{chosen === null
          ? 'W S closer, A D along, comma and full stop next, F all; Ctrl and wheel, drag.'
          : <ChosenText span={chosen} />}</p>
      </section>
      <InView trace={trace} edges={edges} />
    </>
  );
}

const ChosenText = ({ span }: { span: Span }) => (
  <><b className="mono">{visible(span.name).slice(0, 300)}</b> took {duration(span.length / 1000)}, from{' '}
    {duration(span.start / 1000)} on. <Link to={address('/kernels', new URLSearchParams(),
      { q: span.name.slice(0, 120).replace(/[*?[]/g, '?'), time: 'all', kind: 'all' })}>
      The kernel</Link></>
);

/** What is in view, by name. */
function InView({ trace, edges: [from, to] }: { trace: TraceView; edges: Window }) {
  const rows = summed(trace, from, to);
  const all = rows.reduce((sum, row) => sum + row.us, 0);
  return (
    <section className="panel">
      <header><h2>In view</h2><span className="soft">{plural(rows.length, 'name')}, {duration(all / 1000)} of
        execution in {duration((to - from) / 1000)}</span></header>
      <table className="small in-view"><thead><tr><th scope="col">Name</th><th scope="col">Share</th>
        <th scope="col">Time</th><th scope="col">Calls</th><th scope="col">Mean</th></tr></thead>
      <tbody>{rows.slice(0, MOST_ROWS).map((row) => <tr key={row.name}>
        <th scope="row"><KernelName name={row.name} short="" /></th>
        <td>{exactPercent((100 * row.us) / Math.max(all, 1e-9))}</td><td>{duration(row.us / 1000)}</td>
        <td>{count(row.calls)}</td><td>{duration(row.us / 1000 / row.calls)}</td></tr>)}</tbody></table>
    </section>
  );
}
