"""Serves the API on 127.0.0.1, for drills and development.

    DATABASE_URL="host=... dbname=... user=app_user" python service/app.py --port 8080

The port may also come from the environment variable PORT. SIGTERM ends it after the requests in progress.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from alquimista_api.handler import handler
from alquimista_api.messages import BODY_LIMIT

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

WORKERS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="request")
"""requests at the same time, and so connections to the database"""
GRACE_SECONDS = 2


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI: hands each HTTP request to the handler as API Gateway would."""
    if scope["type"] != "http":
        return
    event = _event(scope, await _body(receive))
    answer = await asyncio.get_running_loop().run_in_executor(WORKERS, handler, event)
    await _reply(send, answer)


async def _body(receive: Receive) -> bytes:
    """The request's body, and of a body that is too large only enough to see that it is."""
    parts, size, more = [], 0, True
    while more and size <= BODY_LIMIT:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    return b"".join(parts)


def _event(scope: Scope, body: bytes) -> Mapping[str, object]:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return {
        "version": "2.0",
        "rawPath": scope["path"],
        "queryStringParameters": dict(parse_qsl(scope["query_string"].decode("latin-1"))),
        "headers": headers,
        "requestContext": {"http": {"method": scope["method"], "path": scope["path"]}},
        "body": base64.b64encode(body).decode("ascii"),
        "isBase64Encoded": True,
    }


async def _reply(send: Send, answer: Mapping[str, Any]) -> None:
    body = answer["body"].encode()
    headers = [(name.encode(), value.encode()) for name, value in answer["headers"].items()]
    if body:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer["statusCode"], "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Serve the API on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8080")))
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=parser.parse_args().port,
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


if __name__ == "__main__":
    main()
