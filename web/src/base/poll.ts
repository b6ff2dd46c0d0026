// SPDX-License-Identifier: Apache-2.0
// What the server is asked again and again. Who asks the same shares one question and one answer;
// a page that nobody sees asks nothing.
import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { ApiProblem } from '@gpuvigil/client';

export interface Polled<T> {
  data: T | null;
  /** When `data` came, by performance.now(); 0 while there is none. */
  at: number;
  error: Error | null;
  loading: boolean;
}

const NOTHING: Polled<never> = { data: null, at: 0, error: null, loading: true };
const MOST_REMEMBERED = 64;
const RETRY_MS = 2000;

type Asker<T> = (signal: AbortSignal) => Promise<T>;

/** One question, asked while somebody listens. */
class Question<T> {
  state: Polled<T> = NOTHING;
  readonly #ask: Asker<T>;
  readonly #everyMs: number;
  readonly #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #request: AbortController | null = null;

  constructor(ask: Asker<T>, everyMs: number) {
    this.#ask = ask;
    this.#everyMs = everyMs;
  }

  get isIdle(): boolean {
    return this.#listeners.size === 0;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#start();
    return () => {
      this.#listeners.delete(listener);
      if (this.isIdle) this.#stop();
    };
  };

  refresh = (): void => {
    clearTimeout(this.#timer);
    if (this.#request === null && !this.isIdle) void this.#turn();
  };

  #start(): void {
    document.addEventListener('visibilitychange', this.#seen);
    const age = performance.now() - this.state.at;
    if (this.state.data !== null && age < this.#everyMs) this.#later(this.#everyMs - age);
    else void this.#turn();
  }

  #stop(): void {
    document.removeEventListener('visibilitychange', this.#seen);
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = null;
  }

  #seen = (): void => {
    if (!document.hidden) this.refresh();
  };

  #later(ms: number): void {
    if (!Number.isFinite(ms) || this.isIdle) return;
    this.#timer = setTimeout(() => void this.#turn(), ms);
  }

  async #turn(): Promise<void> {
    if (document.hidden && this.state.data !== null) return; // #seen goes on
    const request = new AbortController();
    this.#request = request;
    let wait = this.#everyMs;
    try {
      const data = await this.#ask(request.signal);
      this.#tell({ data, at: performance.now(), error: null, loading: false });
    } catch (error) {
      if (request.signal.aborted) return;
      if (error instanceof ApiProblem && error.status === 401) onUnauthorized();
      // What was known stays to be seen, with its age.
      this.#tell({ ...this.state, error: error as Error, loading: false });
      const asked = error instanceof ApiProblem ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
      wait = Math.max(RETRY_MS, Math.min(this.#everyMs, 30_000), asked);
    }
    this.#request = null;
    this.#later(wait);
  }

  #tell(state: Polled<T>): void {
    this.state = state;
    for (const listener of this.#listeners) listener();
  }
}

const questions = new Map<string, Question<unknown>>();

let onUnauthorized = (): void => {};
/** What happens when the server wants to know who asks. */
export function whenUnauthorized(act: () => void): void {
  onUnauthorized = act;
}

function question<T>(key: string, ask: Asker<T>, everyMs: number): Question<T> {
  let found = questions.get(key) as Question<T> | undefined;
  if (found === undefined) {
    if (questions.size >= MOST_REMEMBERED) {
      for (const [old, one] of questions) if (one.isIdle) questions.delete(old);
    }
    found = new Question(ask, everyMs);
    questions.set(key, found as Question<unknown>);
  }
  return found;
}

const never = (): (() => void) => () => {};

/**
 * The newest answer to a question. `key` names all that changes the answer; null asks nothing.
 * `everyMs` Infinity asks once.
 */
export function usePoll<T>(key: string | null, ask: Asker<T>, everyMs: number): Polled<T> {
  // eslint-free by intent: the key stands for what `ask` closes over.
  const one = useMemo(() => (key === null ? null : question(key, ask, everyMs)), [key, everyMs]);
  const snapshot = useCallback(() => one?.state ?? (NOTHING as Polled<T>), [one]);
  return useSyncExternalStore(one?.subscribe ?? never, snapshot);
}

/** Asks everything again that somebody looks at. */
export function refreshAll(): void {
  for (const one of questions.values()) one.refresh();
}
