// SPDX-License-Identifier: Apache-2.0
import type { components } from './schema.js';

type ProblemBody = components['schemas']['Problem'];

/** The server answered, but not with what was asked for. */
export class ApiProblem extends Error {
  /** The HTTP status: 400, 401, 403, 404, 429, 503, … */
  readonly status: number;
  /** Which parameter was wrong, and why, where that is so. */
  readonly errors: readonly { parameter: string; reason: string }[];
  /** Seconds after which to try again, where the server said so. */
  readonly retryAfterSeconds: number | null;

  constructor(status: number, body: Partial<ProblemBody>, retryAfterSeconds: number | null) {
    super(body.detail ?? body.title ?? `the server answered ${status}`);
    this.name = 'ApiProblem';
    this.status = status;
    this.errors = body.errors ?? [];
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Nobody answered: the server is not there, or the network is not. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super('the server does not answer', { cause });
    this.name = 'Unreachable';
  }
}

/** The problem that a refused answer tells of, whatever its body is. */
export async function readProblem(response: Response): Promise<ApiProblem> {
  let body: Partial<ProblemBody> = {};
  try {
    body = (await response.json()) as ProblemBody;
  } catch {
    // A proxy in between may answer in its own words: the status says enough.
  }
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new ApiProblem(response.status, body, Number.isFinite(retryAfter) ? retryAfter : null);
}
