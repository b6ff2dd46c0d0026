# SPDX-License-Identifier: Apache-2.0
"""Asks as somebody else: reads requests from standard input, one JSON object a line, and writes
what came back. Run by access_test.py as other users.

{"host", "port", "method", "path", "headers", "body", "upgrade"} -> {"status", "headers", "body"}
"""
import http.client
import json
import socket
import sys


def ask(one):
    connection = http.client.HTTPConnection(one["host"], one["port"], timeout=20)
    headers = dict(one.get("headers", {}))
    if one.get("upgrade"):
        headers.update({"Upgrade": "websocket", "Connection": "Upgrade",
                        "Sec-WebSocket-Version": "13",
                        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="})
    try:
        connection.request(one["method"], one["path"], body=one.get("body"), headers=headers)
        if one.get("upgrade"):
            return upgrade_answer(connection.sock)
        answer = connection.getresponse()
        return {"status": answer.status, "headers": {k.lower(): v for k, v in answer.getheaders()},
                "body": answer.read().decode("utf-8", "replace")}
    finally:
        connection.close()


def upgrade_answer(sock: socket.socket):
    """http.client takes 101 for an interim answer and waits for another."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = sock.recv(4096)
        if not more:
            break
        head += more
    lines = head.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return {"status": int(lines[0].split()[1]), "body": "",
            "headers": {key.lower(): value for key, value in headers.items()}}


for line in sys.stdin:
    print(json.dumps(ask(json.loads(line))), flush=True)
