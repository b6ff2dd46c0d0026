#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
import asyncio
import json
import os

import requests
import websockets

SERVER = os.environ.get("GPUVIGIL_SERVER", "http://127.0.0.1:8080")
API = SERVER + "/api/v1/gpu"


def get(path, **parameters):
    answer = requests.get(API + path, params=parameters, timeout=10)
    answer.raise_for_status()  # errors are application/problem+json and say what was wrong
    return answer.json()


for device in get("/status")["devices"]:
    print(f"GPU {device['index']}: {device['gpu_utilization']} %")
for kernel in get("/kernels", sort_by="total_time", limit=5)["kernels"]:
    print(f"{kernel['short_name']}: {kernel['total_calls']} calls, {kernel['avg_time_ms']} ms")
print(get("/alerts", state="all")["active_alerts"], "alerts fire")
print(get("/report")["summary"])


async def watch(messages):
    uri = API.replace("http", "ws", 1) + "/stream"
    async with websockets.connect(uri) as stream:
        await stream.send(json.dumps({"type": "subscribe", "interval_ms": 500, "recent": 1}))
        while messages > 0:
            message = json.loads(await stream.recv())
            if message["type"] == "gpu_metrics":
                print(message["timestamp"], message["gpu_utilization"])
                messages -= 1


asyncio.run(watch(messages=2))
