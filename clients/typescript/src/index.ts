// SPDX-License-Identifier: Apache-2.0
export { GpuvigilClient, type CallOptions, type ClientOptions } from './client.js';
export { OPERATIONS, type Answer, type OperationId, type Query } from './operations.js';
export { ApiProblem, Unreachable } from './problem.js';
export { LiveStream, type StreamHandlers, type StreamMetrics, type StreamOptions,
  type StreamState } from './stream.js';
export type { components, operations, paths } from './schema.js';

import type { components } from './schema.js';

type Schemas = components['schemas'];
export type Alert = Schemas['Alert'];
export type Device = Schemas['Device'];
export type DeviceDetail = Schemas['DeviceDetail'];
export type FullDevice = Schemas['FullDevice'];
export type GpuEvent = Schemas['Events']['events'][number];
export type Kernel = Schemas['Kernel'];
export type KernelDetail = Schemas['KernelDetail'];
export type Process = Schemas['Process'];
export type Status = Schemas['Status'];
export type System = Schemas['System'];
