// SPDX-License-Identifier: Apache-2.0
// What may be done with alerts: what the server offers, to whom it lets. What it does not is absent.
import type { Alert } from '@gpuvigil/client';
import { refreshAll, usePoll } from './poll';
import { server, useOffers } from './server';

const ACK = '/api/v1/gpu/alerts/{id}/ack';
const SILENCES = '/api/v1/gpu/silences';
const RULES = '/api/v1/gpu/rules';

export interface AlertPowers {
  ack: boolean;
  silence: boolean;
  rules: boolean;
  /** The server would let somebody who may write. */
  wouldAfterLogin: boolean;
}

/** True when who looks at this page may change something. */
export function useMayWrite(): boolean {
  const { data } = usePoll('session', (signal) => server.session({ signal }), 60_000);
  return data !== null && data.scopes.some((scope) => scope === 'write' || scope === 'admin');
}

export function useAlertPowers(): AlertPowers {
  const may = useMayWrite();
  const [ack, silence, rules] = [useOffers(ACK), useOffers(SILENCES), useOffers(RULES)];
  return { ack: ack && may, silence: silence && may, rules: rules && may,
    wouldAfterLogin: !may && (ack || silence || rules) };
}

export async function acknowledge(alert: Alert): Promise<void> {
  await server.send('POST', `/api/v1/gpu/alerts/${encodeURIComponent(alert.id)}/ack`);
  refreshAll();
}

/** Silences the rule of an alert on its device for a span such as `1h`. */
export async function silence(alert: Alert, span: string): Promise<void> {
  const here = alert.device === null ? [] : [`device=${alert.device}`];
  await server.send('POST', SILENCES, { matchers: [`rule=${alert.rule}`, ...here], for: span,
    comment: 'from the dashboard' });
  refreshAll();
}

export const SILENCE_SPANS = ['1h', '4h', '24h'] as const;

export interface RuleText {
  name: string;
  when: string;
  severity: 'warning' | 'critical';
}

export const addRule = (rule: RuleText): Promise<unknown> => server.send('POST', RULES, rule);

const MOST_PATTERN = 200;

/** A name as a pattern in a condition: what a condition cannot hold stands for any one byte. */
export const ruleGlob = (name: string): string => {
  const plain = name.slice(0, MOST_PATTERN).replace(/[^\x20-\x7e]|["\\]/g, '?');
  return name.length > MOST_PATTERN ? `${plain}*` : plain;
};
