// SPDX-License-Identifier: Apache-2.0
import { OPERATIONS, type Answer, type OperationId, type Query } from './operations.js';
import { readProblem, Unreachable } from './problem.js';
import type { components } from './schema.js';
import { LiveStream, type StreamHandlers, type StreamOptions } from './stream.js';

type Schemas = components['schemas'];
type QueryValue = string | number | boolean | readonly (string | number)[] | undefined;

export interface ClientOptions {
  /** Where the server is, such as `http://127.0.0.1:8080`. In a browser: where the page is from. */
  baseUrl?: string;
  /** A token of `gpuvigil token create`; without one the session or the address has to do. */
  token?: string;
  fetch?: typeof fetch;
  /** Needed where there is no global WebSocket (Node.js before 22). */
  webSocket?: typeof WebSocket;
  /** How long an answer may take. */
  timeoutMs?: number;
}

export interface CallOptions {
  signal?: AbortSignal;
}

interface Parts extends CallOptions {
  path?: string;
  query?: Record<string, QueryValue>;
  body?: unknown;
  token?: string;
  /** How much later than usual the answer may come. */
  extraMs?: number;
}

const DEFAULT_TIMEOUT_MS = 15000;
const LONGEST_TRACE_MS = 60000;

function queryText(query: Record<string, QueryValue> | undefined): string {
  const text = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) text.append(name, String(one));
  }
  const all = text.toString();
  return all === '' ? '' : `?${all}`;
}

/**
 * A gpuvigil server. Each method is one route; it gives what the contract says, or throws
 * `ApiProblem` (the server refused) or `Unreachable` (nobody answered). Holds no connection of its
 * own; may be used by any number of callers at once.
 */
export class GpuvigilClient {
  readonly #base: string;
  readonly #token: string | undefined;
  readonly #fetch: typeof fetch;
  readonly #webSocket: typeof WebSocket | undefined;
  readonly #timeoutMs: number;

  constructor(options: ClientOptions = {}) {
    this.#base = (options.baseUrl ?? globalThis.location?.origin ?? '').replace(/\/+$/, '');
    this.#token = options.token;
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#webSocket = options.webSocket ?? globalThis.WebSocket;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  status = (query: Query<'getStatus'> = {}, o?: CallOptions) =>
    this.#call('getStatus', { query, ...o });
  kernels = (query: Query<'getKernels'> = {}, o?: CallOptions) =>
    this.#call('getKernels', { query, ...o });
  /** One kernel by its `id`, 16 hex digits. */
  kernel = (id: string, o?: CallOptions) => this.#call('getKernel', { path: id, ...o });
  /** What it did, step by step. */
  kernelHistory = (id: string, query: Query<'getKernelHistory'> = {}, o?: CallOptions) =>
    this.#call('getKernelHistory', { path: id, query, ...o });
  devices = (query: Query<'getDevices'> = {}, o?: CallOptions) =>
    this.#call('getDevices', { query, ...o });
  /** One device by its index, UUID or PCI bus id. */
  device = (ref: string | number, o?: CallOptions) =>
    this.#call('getDevice', { path: String(ref), ...o });
  processes = (query: Query<'getProcesses'> = {}, o?: CallOptions) =>
    this.#call('getProcesses', { query, ...o });
  topology = (o?: CallOptions) => this.#call('getTopology', { ...o });
  events = (query: Query<'getEvents'> = {}, o?: CallOptions) =>
    this.#call('getEvents', { query, ...o });
  /** What devices did, a value a step. */
  history = (query: Query<'getHistory'>, o?: CallOptions) =>
    this.#call('getHistory', { query, ...o });
  /** Machines and their GPUs, as the server of time series tells of them. */
  fleet = (query: Query<'getFleet'> = {}, o?: CallOptions) =>
    this.#call('getFleet', { query, ...o });
  /** What machines did, a value a step. */
  fleetHistory = (query: Query<'getFleetHistory'>, o?: CallOptions) =>
    this.#call('getFleetHistory', { query, ...o });
  alerts = (query: Query<'getAlerts'> = {}, o?: CallOptions) =>
    this.#call('getAlerts', { query, ...o });
  /** Everything on one page. */
  report = (o?: CallOptions) => this.#call('getReport', { ...o });
  system = (o?: CallOptions) => this.#call('getSystem', { ...o });
  /** Everything that there is a number for, as Prometheus reads it. */
  metrics = (query: Query<'getMetrics'> = {}, o?: CallOptions) =>
    this.#call('getMetrics', { query, ...o });
  version = (o?: CallOptions) => this.#call('getVersion', { ...o });
  health = (o?: CallOptions) => this.#call('getHealth', { ...o });
  readiness = (o?: CallOptions) => this.#call('getReadiness', { ...o });
  contract = (o?: CallOptions) => this.#call('getContract', { ...o });

  /** Tells of executions; resolves when they are visible in every answer. Scope `ingest`. */
  postExecutions = (executions: Schemas['Executions']['executions'], o?: CallOptions) =>
    this.#call('postExecutions', { body: { executions }, ...o });
  /** Tells of readings of devices that the server does not measure. Scope `ingest`. */
  postSamples = (samples: Schemas['Samples']['samples'], o?: CallOptions) =>
    this.#call('postSamples', { body: { samples }, ...o });

  /**
   * Single executions of a process for `duration_ms`, as a Chrome trace; it takes that long to come.
   * Scope `write`.
   */
  trace = (wish: { pid: number } & Partial<Schemas['TraceWish']>, o?: CallOptions) =>
    this.#call('postTraces', { body: wish, extraMs: wish.duration_ms ?? LONGEST_TRACE_MS, ...o });

  /** Somebody sees to an alert: nobody is called for it again. Scope `write`. */
  ackAlert = (id: string, o?: CallOptions) => this.#call('ackAlert', { path: id, ...o });
  /** When alerts are raised. */
  rules = (o?: CallOptions) => this.#call('getRules', { ...o });
  /** Makes a rule, or replaces one of that name. Scope `write`. */
  putRule = (rule: Schemas['RuleText'], o?: CallOptions) =>
    this.#call('putRule', { body: rule, ...o });
  deleteRule = (name: string, o?: CallOptions) => this.#call('deleteRule', { path: name, ...o });
  silences = (o?: CallOptions) => this.#call('getSilences', { ...o });
  /** Nobody is called for what matches, until it ends. Scope `write`. */
  addSilence = (silence: Schemas['SilenceText'], o?: CallOptions) =>
    this.#call('addSilence', { body: silence, ...o });
  deleteSilence = (id: string, o?: CallOptions) =>
    this.#call('deleteSilence', { path: id, ...o });
  /** Where people are told. This and what follows of channels: scope `admin`. */
  channels = (o?: CallOptions) => this.#call('getChannels', { ...o });
  putChannel = (channel: Schemas['ChannelText'], o?: CallOptions) =>
    this.#call('putChannel', { body: channel, ...o });
  deleteChannel = (name: string, o?: CallOptions) =>
    this.#call('deleteChannel', { path: name, ...o });
  /** Sends a test; resolves when the receiver has taken it. */
  testChannel = (name: string, o?: CallOptions) =>
    this.#call('testChannel', { path: name, ...o });

  /** Who asks, and what they may do. */
  session = (o?: CallOptions) => this.#call('getSession', { ...o });
  /** Trades a token for a session of this browser. */
  openSession = (token: string, o?: CallOptions) => this.#call('openSession', { token, ...o });
  closeSession = (o?: CallOptions) => this.#call('closeSession', { ...o });

  /** The live stream; it comes back by itself until it is closed. */
  stream(options: StreamOptions, handlers: StreamHandlers): LiveStream {
    if (this.#webSocket === undefined) throw new TypeError('give a WebSocket: there is none here');
    const url = `${this.#base.replace(/^http/, 'ws')}/api/v1/gpu/stream`;
    return new LiveStream(url, this.#webSocket, this.#token, options, handlers);
  }

  /** A GET of a path that this client has no method for, such as one of a newer server. */
  get<T>(path: `/${string}`, query: Record<string, QueryValue> = {}, o?: CallOptions): Promise<T> {
    return this.#request<T>('GET', path, { query, ...o });
  }

  /** The same for what changes something. */
  send<T>(method: 'POST' | 'DELETE', path: `/${string}`, body?: unknown, o?: CallOptions): Promise<T> {
    return this.#request<T>(method, path, { body, ...o });
  }

  #call<Id extends OperationId>(id: Id, parts: Parts): Promise<Answer<Id>> {
    const [method, pattern] = OPERATIONS[id];
    const path = pattern.replace(/\{\w+\}/, () => encodeURIComponent(parts.path ?? ''));
    return this.#request<Answer<Id>>(method, path, parts);
  }

  async #request<T>(method: string, path: string, parts: Parts): Promise<T> {
    const headers: Record<string, string> = {};
    const token = parts.token ?? this.#token;
    if (token !== undefined) headers['Authorization'] = `Bearer ${token}`;
    if (parts.body !== undefined) headers['Content-Type'] = 'application/json';
    const limit = AbortSignal.timeout(this.#timeoutMs + (parts.extraMs ?? 0));
    let response: Response;
    try {
      response = await this.#fetch(this.#base + path + queryText(parts.query), {
        method,
        headers,
        credentials: 'same-origin',
        signal: parts.signal ? AbortSignal.any([parts.signal, limit]) : limit,
        ...(parts.body === undefined ? {} : { body: JSON.stringify(parts.body) }),
      });
    } catch (error) {
      if (parts.signal?.aborted) throw error;
      throw new Unreachable(error);
    }
    if (!response.ok) throw await readProblem(response);
    if (response.status === 204) return undefined as T;
    const json = response.headers.get('content-type')?.startsWith('application/json');
    return (json ? await response.json() : await response.text()) as T;
  }
}
