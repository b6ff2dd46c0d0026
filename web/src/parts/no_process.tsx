// SPDX-License-Identifier: Apache-2.0
import { plural } from '../base/format';
import { useDevices } from '../base/server';
import { Empty } from './value';

/** Why no process is listed: there is none, or the source counts them and does not name them. */
export function NoProcess({ device, command }: { device?: number; command?: string }) {
  const counted = useDevices().filter((one) => device === undefined || one.index === device)
    .reduce((sum, one) => sum + (one.processes ?? 0), 0);
  const text = counted > 0
    ? `The source counts ${plural(counted, 'process', 'processes')} and does not say which.`
    : 'No process uses a GPU, as far as the sources tell.';
  return command === undefined ? <Empty>{text}</Empty>
    : <Empty command={command}>{text} To watch a program kernel by kernel:</Empty>;
}
