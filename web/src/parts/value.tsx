// SPDX-License-Identifier: Apache-2.0

export interface ValueProps {
  value: number | null | undefined;
  format: (value: number) => string;
  /** Why there is none, in the server's words. */
  reason?: string | null | undefined;
  /** The exact value, for who asks. */
  exact?: string;
}

/** A number; or a dash, and why there is none. */
export function Value({ value, format, reason, exact }: ValueProps): React.JSX.Element {
  if (value === null || value === undefined) return <Missing reason={reason} />;
  return <span title={exact ?? String(value)}>{format(value)}</span>;
}

/** A dash that says why nothing stands there. */
export function Missing({ reason, said }: { reason?: string | null | undefined; said?: boolean }) {
  const why = reason ?? 'the source does not tell it';
  return (
    <span className="missing" title={`not known: ${why}`}>
      {said ? `Not known: ${why}` : <>–<span className="hidden"> not known: {why}</span></>}
    </span>
  );
}

/** How much of a whole, as a bar with the number beside it. */
export function Bar({ part, children, level }:
  { part: number | null; children: React.ReactNode; level?: 'warning' | 'critical' | undefined }) {
  const width = part === null ? 0 : Math.min(Math.max(part, 0), 1) * 100;
  return (
    <span className="bar" data-level={level}>
      <span className="track" aria-hidden="true"><i style={{ width: `${width}%` }} /></span>
      <span className="number">{children}</span>
    </span>
  );
}

/** Nothing to show: what that means, and what to do. */
export function Empty({ children, command }: { children: React.ReactNode; command?: string }) {
  return (
    <div className="empty">
      <p>{children}</p>
      {command !== undefined && <Command text={command} />}
    </div>
  );
}

/** A command to copy. */
export function Command({ text }: { text: string }): React.JSX.Element {
  return (
    <div className="command"><code>{text}</code>
      <button type="button" onClick={() => void copy(text)}>Copy</button></div>
  );
}

/** Copies a text; where a page may not, it does nothing. */
export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not over plain HTTP from elsewhere: the text can be selected.
  }
}

/** What could not be asked: since when what stands there is old. */
export function Trouble({ error, at }: { error: Error | null; at: number }) {
  if (error === null) return null;
  const age = at === 0 ? '' : ` What is shown is ${Math.round((performance.now() - at) / 1000)} s old.`;
  return <p className="trouble" role="status">{error.message}.{age}</p>;
}

/** Room of the size that will be filled. */
export const Skeleton = ({ lines }: { lines: number }) => (
  <div className="skeleton" aria-hidden="true">
    {Array.from({ length: lines }, (_, i) => <span key={i} />)}
  </div>
);
