// SPDX-License-Identifier: Apache-2.0
// A peer: once a second everyone is sent the same message by `ws` on Node.
//
//   node ws_server.js BYTES     says "port N" once it serves; ends when its standard input does
"use strict";

const { WebSocketServer } = require("ws");

const bytes = Number(process.argv[2]);
const server = new WebSocketServer({
  host: "127.0.0.1", port: 0, backlog: 4096, perMessageDeflate: false, clientTracking: true,
});

function payload() {
  const start = `{"type":"gpu_metrics","timestamp":"${new Date().toISOString()}","fill":"`;
  return start.padEnd(bytes - 2, "x") + '"}';
}

function broadcast() {
  const message = payload();
  for (const client of server.clients) client.send(message);
  setTimeout(broadcast, 1000 - (Date.now() % 1000));
}

server.on("listening", () => {
  console.log(`port ${server.address().port}`);
  setTimeout(broadcast, 1000 - (Date.now() % 1000));
});
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
