"""The second AWS peer of the tests: ministack over HTTP on loopback, an emulator that shares no code with moto.

Prints the port it listens on, and ends when its standard input ends, that is, with the tests. It keeps everything apart by
Region, and logs every request (POST /_peer/log). What it says is not corrected, except where nothing could be asked of it
otherwise; each correction says what AWS does. docs/emulators.md lists the differences that stay.
"""

import asyncio
import json
import os
import socket
import sys
import threading
import urllib.parse

# Databases and functions are records only: no containers, and no listeners beside the one of this script.
os.environ.update(
    MINISTACK_ACCOUNT_ID="123456789012",
    DOCKER_HOST="unix:///nonexistent",
    IOT_MTLS_ENABLED="0",
    SFTP_ENABLED="0",
    LOG_LEVEL="WARNING",
)

import operations  # noqa: E402
from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402
from ministack.app import app  # noqa: E402

LOG = []


async def peer(request, receive, send):
    if request["type"] != "http":
        return await app(request, receive, send)
    body = await whole(receive)
    path = urllib.parse.unquote(request["path"])
    if path == "/_peer/log":
        region = json.loads(body)["region"]
        return await answer(send, [entry for entry in LOG if entry["region"] == region])
    headers = {name.decode().lower(): value.decode() for name, value in request["headers"]}
    key, region, service = operations.scope(headers.get("authorization", ""))
    if service == "iam":
        # IAM has no Region: the access key names that of the test.
        region = key
    action = operations.action(service, request["method"], path, headers.get("x-amz-target"), body)
    LOG.append({"region": region, "service": service, "action": action, "key": key})
    told = False

    async def again():
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return await app(request, again, send)


async def whole(receive):
    """The body of a request."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def answer(send, value):
    body = json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def end_with_the_tests():
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    os.environ["GATEWAY_PORT"] = str(port)
    threading.Thread(target=end_with_the_tests, daemon=True).start()
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.loglevel = "WARNING"
    # Connections that reach the socket before the server does wait there.
    print(port, flush=True)
    asyncio.run(serve(peer, config))
