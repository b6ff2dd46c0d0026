// SPDX-License-Identifier: Apache-2.0

const WIDTH = 100;
const HEIGHT = 22;

/** The path of a line over values; nothing is drawn where there is none. */
export function sparkPath(values: readonly (number | null)[], width: number, height: number): string {
  const top = Math.max(...values.map((value) => value ?? 0));
  if (!(top > 0)) return '';
  const step = width / Math.max(1, values.length - 1);
  let down = false;
  let path = '';
  values.forEach((value, i) => {
    if (value !== null) {
      const y = height - 1 - (value / top) * (height - 3);
      path += `${down ? 'L' : 'M'}${(i * step).toFixed(1)} ${y.toFixed(1)}`;
    }
    down = value !== null;
  });
  return path;
}

export function Spark({ values, label }:
  { values: readonly (number | null)[] | undefined; label: string }): React.JSX.Element {
  const path = values === undefined ? '' : sparkPath(values, WIDTH, HEIGHT);
  return (
    <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none"
      role="img" aria-label={label}>
      <path d={path} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
