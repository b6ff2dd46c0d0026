// SPDX-License-Identifier: Apache-2.0
// A chart of lines with its readout and menu. React renders it when the view changes and not otherwise.
import { useEffect, useRef, type KeyboardEvent } from 'react';
import { onTheme, seriesColors, useTheme } from '../base/theme';
import { goLive, useView } from '../base/view';
import { useSeries, type Series } from '../live/history';
import { onTick, redraw } from '../live/live';
import type { Metric } from '../live/ring';
import { ChartMenu } from './chart_menu';
import { edges, MOST_LINES, Plot, PLOT_HEIGHT, type ChartProps, type Shown } from './plot';

/** A metric of the stream. */
export function LineChart({ metric, ...props }: ChartProps & { metric: Metric }): React.JSX.Element {
  const series = useSeries(metric, useView());
  return <SeriesChart key={metric} {...props} name={metric} series={series} />;
}

/** Any series; `name` is what its values are called where they are saved. */
export function SeriesChart({ series, name, ...props }:
  ChartProps & { series: Series; name: string }): React.JSX.Element {
  const view = useView();
  const host = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const shown = useRef<Shown>({ props, view, series });
  shown.current = { props, view, series };
  const many = props.devices.length > MOST_LINES;
  const key = `${props.devices.join()} ${props.all}`;

  useEffect(() => {
    const make = (): void => {
      plot.current?.end();
      plot.current = new Plot(host.current!, readout.current!, () => shown.current);
    };
    make();
    const size = new ResizeObserver(() => plot.current?.resize());
    size.observe(host.current!);
    const themed = onTheme(make);
    const ticking = onTick(() => {
      if (shown.current.view.mode === 'live') plot.current?.draw();
    });
    return () => {
      size.disconnect();
      themed();
      ticking();
      plot.current?.end();
      plot.current = null;
    };
  }, [key, name, props.before === undefined || props.before === null]);
  useEffect(() => {
    plot.current?.draw();
    redraw();
  }, [view, series, props.before]);

  const onKey = (event: KeyboardEvent): void => {
    const by = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
    if (by !== 0) plot.current?.step(by * (event.ctrlKey ? 10 : 1), event.shiftKey);
    else if (event.key === 'Enter') plot.current?.zoom();
    else if (event.key === 'Escape') goLive();
    else return;
    event.preventDefault();
  };
  useTheme();
  const palette = seriesColors(props.all);
  return (
    <section className="panel chart">
      <header>
        <h2>{props.title}</h2>
        <div className="readout" ref={readout}>
          <time />
          {many
            ? ['min', 'p10', 'median', 'p90', 'max'].map((name) =>
              <span key={name} className={name === 'p10' || name === 'p90' ? 'wide' : ''}>
                {name} <b>–</b></span>)
            : props.devices.map((index) =>
              <span key={index}>
                <i className="key" style={{ background: palette[index % palette.length] }} />
                {index} <b>–</b>
              </span>)}
        </div>
        <ChartMenu title={props.title} name={name} devices={props.devices}
          columns={() => series.columns(...edges(view))} canvas={() => plot.current?.canvas ?? null} />
      </header>
      <div className="plot" style={{ height: props.height ?? PLOT_HEIGHT }} ref={host} tabIndex={0} role="img" onKeyDown={onKey}
        onDoubleClick={goLive} onBlur={() => plot.current?.release()}
        onPointerDown={() => plot.current?.release()}
        aria-label={`${props.title} over time, ${props.devices.length} devices. Arrows move the ` +
          'cursor, with Shift they choose a range, Enter shows it.'} />
      {series.problem && <p className="trouble">{series.problem}</p>}
    </section>
  );
}
