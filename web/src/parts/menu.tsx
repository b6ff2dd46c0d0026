// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from 'react';
import { Icon, type IconName } from './icons';

/** What opens below a button: closed by Escape, by a choice, and by a press elsewhere. */
export function Menu({ label, icon, text, className, children }: { label: string; icon?: IconName;
  text?: string; className?: string; children: React.ReactNode }): React.JSX.Element {
  const box = useRef<HTMLDetailsElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const away = (event: Event): void => {
      if (box.current?.open && !box.current.contains(event.target as Node)) box.current.open = false;
    };
    addEventListener('pointerdown', away);
    return () => removeEventListener('pointerdown', away);
  }, []);
  const close = (): void => {
    if (box.current === null) return;
    box.current.open = false;
    box.current.querySelector('summary')?.focus();
  };
  return (
    <details className={`menu-box ${className ?? ''}`} ref={box}
      onToggle={(event) => setOpen(event.currentTarget.open)} onKeyDown={(event) => {
      if (event.key !== 'Escape' || !box.current?.open) return;
      event.preventDefault();
      event.stopPropagation();
      close();
    }}>
      <summary aria-label={label} title={label}>{icon && <Icon name={icon} />}{text}</summary>
      {open && <div className="menu" onClick={(event) => {
        if ((event.target as HTMLElement).closest('button[data-closes]')) close();
      }}>{children}</div>}
    </details>
  );
}

export const MenuAction = ({ act, children }: { act: () => void; children: React.ReactNode }) =>
  <button type="button" data-closes onClick={act}>{children}</button>;
