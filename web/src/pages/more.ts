// SPDX-License-Identifier: Apache-2.0
// The pages that come in a file of their own, when somebody goes there first.
export { Explore } from './explore';
export { Timeline } from './timeline';
