// SPDX-License-Identifier: Apache-2.0
const api = '/api/v1/gpu';

async function get(path) {
  const answer = await fetch(api + path);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
}

for (const device of (await get('/status')).devices) {
  console.log(`GPU ${device.index}: ${device.gpu_utilization} %`);
}
for (const kernel of (await get('/kernels?sort_by=total_time&limit=5')).kernels) {
  console.log(`${kernel.short_name}: ${kernel.total_calls} calls, ${kernel.avg_time_ms} ms`);
}
console.log((await get('/alerts?state=all')).active_alerts, 'alerts fire');
console.log((await get('/report')).summary);

const stream = new WebSocket(`ws://${location.host}${api}/stream?interval_ms=500`);
await new Promise((done, fail) => {
  let messages = 0;
  stream.onerror = () => fail(new Error('the stream was refused'));
  stream.onmessage = (event) => {
    const message = JSON.parse(event.data);
    console.log(message.timestamp, message.gpu_utilization);
    if (++messages === 2) done();
  };
});
stream.close();
