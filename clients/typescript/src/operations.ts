// SPDX-License-Identifier: Apache-2.0
import type { operations } from './schema.js';

/** The name of an operation in the contract, such as `getStatus`. */
export type OperationId = keyof typeof OPERATIONS;

/**
 * Every operation of the contract but the pages and the stream: its method and path. A test holds
 * this table to api/openapi.yaml.
 */
export const OPERATIONS = {
  getStatus: ['GET', '/api/v1/gpu/status'],
  getKernels: ['GET', '/api/v1/gpu/kernels'],
  getKernel: ['GET', '/api/v1/gpu/kernels/{id}'],
  getKernelHistory: ['GET', '/api/v1/gpu/kernels/{id}/history'],
  getDevices: ['GET', '/api/v1/gpu/devices'],
  getDevice: ['GET', '/api/v1/gpu/devices/{ref}'],
  getProcesses: ['GET', '/api/v1/gpu/processes'],
  getTopology: ['GET', '/api/v1/gpu/topology'],
  getEvents: ['GET', '/api/v1/gpu/events'],
  getHistory: ['GET', '/api/v1/gpu/history'],
  getFleet: ['GET', '/api/v1/gpu/fleet'],
  getFleetHistory: ['GET', '/api/v1/gpu/fleet/history'],
  getAlerts: ['GET', '/api/v1/gpu/alerts'],
  ackAlert: ['POST', '/api/v1/gpu/alerts/{id}/ack'],
  getRules: ['GET', '/api/v1/gpu/rules'],
  putRule: ['POST', '/api/v1/gpu/rules'],
  deleteRule: ['DELETE', '/api/v1/gpu/rules/{id}'],
  getSilences: ['GET', '/api/v1/gpu/silences'],
  addSilence: ['POST', '/api/v1/gpu/silences'],
  deleteSilence: ['DELETE', '/api/v1/gpu/silences/{id}'],
  getChannels: ['GET', '/api/v1/gpu/channels'],
  putChannel: ['POST', '/api/v1/gpu/channels'],
  deleteChannel: ['DELETE', '/api/v1/gpu/channels/{id}'],
  testChannel: ['POST', '/api/v1/gpu/channels/{id}/test'],
  getReport: ['GET', '/api/v1/gpu/report'],
  postExecutions: ['POST', '/api/v1/gpu/executions'],
  postSamples: ['POST', '/api/v1/gpu/samples'],
  postTraces: ['POST', '/api/v1/gpu/traces'],
  getSystem: ['GET', '/api/v1/system'],
  getMetrics: ['GET', '/metrics'],
  getSession: ['GET', '/api/v1/session'],
  openSession: ['POST', '/api/v1/session'],
  closeSession: ['DELETE', '/api/v1/session'],
  getHealth: ['GET', '/healthz'],
  getReadiness: ['GET', '/readyz'],
  getVersion: ['GET', '/version'],
  getContract: ['GET', '/api/v1/openapi.json'],
} as const satisfies Partial<Record<keyof operations, readonly [string, `/${string}`]>>;

type Content<R> = R extends { content: infer C }
  ? C extends { 'application/json': infer J } ? J : string
  : undefined;

/** What an operation answers when it succeeds. */
export type Answer<Id extends OperationId> = operations[Id]['responses'] extends infer R
  ? R extends { 200: infer Ok } ? Content<Ok> : undefined
  : never;

/** The query parameters of an operation. */
export type Query<Id extends OperationId> =
  operations[Id]['parameters'] extends { query?: infer Q } ? NonNullable<Q> : Record<string, never>;
