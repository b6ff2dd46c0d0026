# SPDX-License-Identifier: Apache-2.0
"""A peer: once a second everyone is sent the same message by websockets.broadcast().

usage: websockets_server.py BYTES

Says "port N" once it serves; ends when its standard input does.
"""
import asyncio
import datetime
import sys
import time

import websockets


def payload(size):
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    start = f'{{"type":"gpu_metrics","timestamp":"{now}","fill":"'
    return start.ljust(size - 2, "x") + '"}'


async def main():
    connected = set()

    async def handle(websocket):
        connected.add(websocket)
        try:
            await websocket.wait_closed()
        finally:
            connected.discard(websocket)

    async with websockets.serve(handle, "127.0.0.1", 0, compression=None, backlog=4096,
                                ping_interval=None) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        while not over.done():
            await asyncio.sleep(1 - time.time() % 1)
            websockets.broadcast(connected, payload(int(sys.argv[1])))


asyncio.run(main())
