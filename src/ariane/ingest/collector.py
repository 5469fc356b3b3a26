"""The front door: takes events at `/v1/*`, answers `/healthz`, `/readyz` and `/metrics`, passes the rest on.

`create_app` makes the application granian runs (RSGI); `create_asgi` the same for any ASGI server, without the console.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from ariane import settings as settings_module
from ariane.errors import Transient
from ariane.ingest import browser
from ariane.ingest.front import Front
from ariane.ingest.keys import KeyRing
from ariane.ingest.receive import (
    KINDS,
    SUCCESS,
    Headers,
    Received,
    Reply,
    other_method,
    receive,
    refusal,
    too_large,
    unknown_path,
)
from ariane.ingest.sink import Sink
from ariane.store import SegmentLog

DRAINED = 4
"""A body too large is read up to this many times the limit, so that the client hears the answer."""

INLINE_BYTES = 1 << 18
"""A larger body is read in a thread: a hostile one may take a second, and nobody else shall wait for it."""

_OWN = frozenset({"/healthz", "/readyz", "/metrics", browser.PATH})
_PLAIN = (("content-type", "text/plain; version=0.0.4; charset=utf-8"), ("cache-control", "no-store"))
_STATUS = (("content-type", "application/json"), ("cache-control", "no-store"))


class Collector:
    """One collector process of a workspace."""

    def __init__(self, workspace: Path, console_port: int | None = None) -> None:
        settings = settings_module.load(workspace)
        self.keys = KeyRing(workspace)
        self.sink = Sink(
            SegmentLog(workspace / "log", segment_bytes=settings.segment_bytes), settings.collector_workers
        )
        self.front = Front(console_port)

    def owns(self, path: str) -> bool:
        """Whether the path is answered here and not by the console."""
        return path.startswith("/v1/") or path in _OWN

    async def answer(self, method: str, path: str, headers: Headers, chunks: AsyncIterator[bytes]) -> Reply:
        """The reply to a request on one of our own paths; events are on disk when it says so."""
        kind = KINDS.get(path) or KINDS.get(path.rstrip("/"))
        if kind is None:
            return self._about(method, path, headers)
        if method != "POST":
            return other_method(method)
        keys = self.keys.now()
        body = await _read(chunks, keys.max_body_bytes)
        if body is None:
            received = Received(refusal(too_large(keys.max_body_bytes)))
        elif len(body) <= INLINE_BYTES:
            received = receive(kind, headers, body, keys, time.time_ns() // 1000)
        else:
            received = await asyncio.to_thread(receive, kind, headers, body, keys, time.time_ns() // 1000)
        reply = received.reply
        if reply.status == 200:
            try:
                await self.sink.store(received.payloads)
                self.sink.metrics.accepted(len(received.payloads), len(body or b""), received.n_invalid)
                return SUCCESS
            except Transient as error:
                reply = refusal(error)
        self.sink.metrics.rejected(reply.status)
        return reply

    def _about(self, method: str, path: str, headers: Headers) -> Reply:
        if path not in _OWN:
            return unknown_path(path) if method != "OPTIONS" else other_method(method)
        if method not in ("GET", "HEAD"):
            return Reply(
                405, b'{"code":"method_not_allowed","message":"Read it with GET."}', (*_STATUS, ("allow", "GET, HEAD"))
            )
        if path == browser.PATH:
            compressed = "gzip" in (headers.get("accept-encoding") or "")
            coding = (("content-encoding", "gzip"),) if compressed else ()
            return Reply(200, browser.script(compressed=compressed), (*browser.HEADERS, *coding))
        if path == "/metrics":
            return Reply(200, self.sink.metrics.text().encode(), _PLAIN)
        if path == "/healthz":
            return Reply(200, b'{"status":"ok"}', _STATUS)
        self.sink.open()
        if self.sink.ready:
            return Reply(200, b'{"status":"ready"}', _STATUS)
        return Reply(
            503, b'{"code":"unavailable","message":"The log cannot be written."}', (*_STATUS, ("retry-after", "2"))
        )

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            protocol.close(404)
            return
        path, method = scope.path, scope.method
        if not self.owns(path):
            await self.front.forward(scope, protocol)
            return
        reply = await self.answer(method, path, scope.headers, _chunks(scope, protocol))
        if method == "HEAD" or not reply.body:
            protocol.response_empty(reply.status, list(reply.headers))
        else:
            protocol.response_bytes(reply.status, list(reply.headers), reply.body)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.sink.close()


def create_app() -> Collector:
    """The application of the workspace named by ARIANE_WORKSPACE, in front of the console at ARIANE_CONSOLE_PORT."""
    port = os.environ.get("ARIANE_CONSOLE_PORT")
    return Collector(Path(os.environ.get("ARIANE_WORKSPACE") or "."), int(port) if port else None)


Message = MutableMapping[str, Any]


def create_asgi() -> Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]:
    """The ingest paths as an ASGI application, for servers that do not speak RSGI."""
    collector = create_app()

    async def app(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            collector.sink.close()
            await send({"type": "lifespan.shutdown.complete"})
            return

        async def chunks() -> AsyncIterator[bytes]:
            more = True
            while more:
                message = await receive()
                more = message.get("more_body", False)
                yield message.get("body", b"")

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        reply = await collector.answer(scope["method"], scope["path"], headers, chunks())
        listed = [(name.encode(), value.encode()) for name, value in reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": listed})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})

    return app


async def _chunks(scope: Any, protocol: Any) -> AsyncIterator[bytes]:
    length = scope.headers.get("content-length")
    if length is not None and length.isdigit() and int(length) <= 1 << 20:
        yield await protocol()  # one call instead of one per packet
        return
    async for chunk in protocol:
        yield bytes(chunk)


async def _read(chunks: AsyncIterator[bytes], allowed: int) -> bytes | None:
    """The whole body, or None when it is larger than allowed."""
    pieces: list[bytes] = []
    size = 0
    async for piece in chunks:
        size += len(piece)
        if size > allowed:
            pieces.clear()
            if size > allowed * DRAINED:
                break
        else:
            pieces.append(piece)
    return None if size > allowed else pieces[0] if len(pieces) == 1 else b"".join(pieces)
