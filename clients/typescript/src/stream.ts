// SPDX-License-Identifier: Apache-2.0
import type { components } from './schema.js';

type Schemas = components['schemas'];
export type StreamMetrics = Schemas['StreamMetrics'];

/** What to hear of; what is left out has the server's default. */
export interface StreamOptions {
  /** Globs over kernel names. */
  kernels?: string[];
  devices?: (string | number)[];
  intervalMs?: number;
  /** How many executions a message lists at most: 0 to 100. */
  recent?: number;
  channels?: ('metrics' | 'alerts')[];
}

export type StreamState =
  | { name: 'connecting' }
  | { name: 'open' }
  /** The connection broke; it is tried again after that time. */
  | { name: 'waiting'; retryInMs: number }
  | { name: 'closed' };

export interface StreamHandlers {
  metrics?: (message: StreamMetrics) => void;
  alert?: (alert: Schemas['Alert']) => void;
  state?: (state: StreamState) => void;
  /** The server did not like a subscription. */
  refused?: (detail: string) => void;
}

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 10_000;

function subscription(options: StreamOptions): string {
  const { intervalMs, devices, ...rest } = options;
  return JSON.stringify({
    type: 'subscribe',
    ...rest,
    ...(devices === undefined ? {} : { devices }),
    ...(intervalMs === undefined ? {} : { interval_ms: intervalMs }),
  });
}

/**
 * A connection to the live stream that comes back by itself: after half a second first, then ever
 * later up to ten seconds, each time by chance up to a half earlier, so that a crowd does not come
 * back at once. Messages that were missed are gone; `seq` and `timestamp` show the gap.
 */
export class LiveStream {
  readonly #url: string;
  readonly #webSocket: typeof WebSocket;
  readonly #token: string | undefined;
  readonly #handlers: StreamHandlers;
  #options: StreamOptions;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retryMs = RETRY_FIRST_MS;
  #closed = false;

  constructor(url: string, webSocket: typeof WebSocket, token: string | undefined,
    options: StreamOptions, handlers: StreamHandlers) {
    this.#url = url;
    this.#webSocket = webSocket;
    this.#token = token;
    this.#options = options;
    this.#handlers = handlers;
    this.#connect();
  }

  /** Narrows or widens what is heard, now and after each reconnection. */
  subscribe(options: StreamOptions): void {
    this.#options = options;
    if (this.#socket?.readyState === this.#webSocket.OPEN) {
      this.#socket.send(subscription(options));
    }
  }

  /** Tries at once, where it waits to try again. */
  retryNow(): void {
    if (this.#socket !== null || this.#closed) return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  /** Ends it for good. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = null;
    this.#handlers.state?.({ name: 'closed' });
  }

  #connect(): void {
    this.#handlers.state?.({ name: 'connecting' });
    // The token is no header: a browser cannot set one. The server answers with the first alone.
    const protocols =
      this.#token === undefined ? [] : ['gpuvigil.v1', `gpuvigil.bearer.${this.#token}`];
    const socket = new this.#webSocket(this.#url, protocols);
    this.#socket = socket;
    socket.onopen = () => {
      this.#retryMs = RETRY_FIRST_MS;
      socket.send(subscription(this.#options));
      this.#handlers.state?.({ name: 'open' });
    };
    socket.onmessage = (event) => this.#hear(String(event.data));
    socket.onclose = () => {
      if (this.#socket === socket) this.#retry();
    };
  }

  #retry(): void {
    this.#socket = null;
    if (this.#closed) return;
    const retryInMs = Math.round(this.#retryMs * (1 - Math.random() / 2));
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MOST_MS);
    this.#timer = setTimeout(() => this.#connect(), retryInMs);
    this.#handlers.state?.({ name: 'waiting', retryInMs });
  }

  #hear(text: string): void {
    const message = JSON.parse(text) as { type: string };
    if (message.type === 'gpu_metrics') this.#handlers.metrics?.(message as StreamMetrics);
    if (message.type === 'alert') {
      this.#handlers.alert?.((message as unknown as { alert: Schemas['Alert'] }).alert);
    }
    if (message.type === 'error') {
      this.#handlers.refused?.((message as unknown as { detail: string }).detail);
    }
  }
}
