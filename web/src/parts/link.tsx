// SPDX-License-Identifier: Apache-2.0
import type { AnchorHTMLAttributes, MouseEvent } from 'react';
import { go } from '../base/location';

/** A link within the dashboard: a new tab where one is asked for, otherwise without a load. */
export function Link({ to, onClick, ...rest }:
  { to: string } & AnchorHTMLAttributes<HTMLAnchorElement>): React.JSX.Element {
  const follow = (event: MouseEvent<HTMLAnchorElement>): void => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return <a href={to} onClick={follow} {...rest} />;
}
