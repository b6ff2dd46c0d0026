// SPDX-License-Identifier: Apache-2.0
// A rule about a kernel, filled in from what it does now.
import { useEffect, useRef, useState } from 'react';
import type { KernelDetail } from '@gpuvigil/client';
import { addRule, ruleGlob } from '../base/alerting';
import { duration } from '../base/format';
import { Icon } from '../parts/icons';

const MARGIN = 1.5; // times the p95 of now

/** A condition as the server reads it. */
export const kernelCondition = (name: string, p95Ms: number): string =>
  `p95 of kernel "${ruleGlob(name)}" above ${Number((p95Ms * MARGIN).toPrecision(3))} ms for 5 min`;

export function AlertFromThis({ kernel, close }: { kernel: KernelDetail; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [state, setState] = useState<{ busy: boolean; problem: string; made: string | null }>(
    { busy: false, problem: '', made: null });
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const make = async (form: HTMLFormElement): Promise<void> => {
    const data = new FormData(form);
    const text = (name: string): string => String(data.get(name) ?? '').trim();
    setState({ busy: true, problem: '', made: null });
    try {
      await addRule({ name: text('name'), when: text('when'),
        severity: text('severity') === 'critical' ? 'critical' : 'warning' });
      setState({ busy: false, problem: '', made: text('name') });
    } catch (error) {
      setState({ busy: false, problem: (error as Error).message, made: null });
    }
  };
  return (
    <dialog className="help" ref={dialog} onClose={close} aria-labelledby="rule-title">
      <header><h2 id="rule-title">Alert from this kernel</h2>
        <button type="button" className="square" onClick={close} aria-label="Close">
          <Icon name="close" /></button></header>
      {state.made !== null ? <p role="status">The rule “{state.made}” holds from now on.</p>
        : <form className="rule" onSubmit={(event) => {
          event.preventDefault();
          void make(event.currentTarget);
        }}>
          <label>Name <input type="text" name="name" maxLength={100} required
            defaultValue={`slow_${kernel.id}`} /></label>
          <label>When <textarea name="when" rows={4} maxLength={2000} required spellCheck={false}
            defaultValue={kernelCondition(kernel.name, kernel.p95_time_ms)} /></label>
          <p className="soft">Its p95 is {duration(kernel.p95_time_ms)} now.</p>
          <label>Severity <select name="severity"><option value="warning">warning</option>
            <option value="critical">critical</option></select></label>
          <p className="refusal" role="alert">{state.problem}</p>
          <button type="submit" className="primary" disabled={state.busy}>Make the rule</button>
        </form>}
    </dialog>
  );
}
