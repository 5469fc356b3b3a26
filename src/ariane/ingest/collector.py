"""The front door: takes events, tells clients their settings, answers `/healthz`, `/readyz` and `/metrics`, passes the
rest on to the console.

`create_app` makes the application granian runs (RSGI); `create_asgi` the same for any ASGI server, without the console.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from ariane import settings as settings_module
from ariane.errors import ArianeError, NotFound, Transient
from ariane.ingest import browser, routes
from ariane.ingest.answers import (
    ANYWHERE,
    FRESH,
    JSON,
    SUCCESS,
    Reply,
    found,
    other_method,
    pixel,
    preflight,
    refusal,
    unknown_path,
)
from ariane.ingest.front import Front
from ariane.ingest.headers import key_in
from ariane.ingest.keys import KeyRing, Keys
from ariane.ingest.lag import Lag, lags
from ariane.ingest.pixel import asked
from ariane.ingest.receive import Received, UnknownKey, receive, receive_hook, receive_pixel, too_large
from ariane.ingest.refusals import Refusal, Refusals, outline
from ariane.ingest.requests import AsgiRequest, CutShort, Message, Receive, Request, RsgiRequest, Send, length_of
from ariane.ingest.routes import Route
from ariane.ingest.settings_file import address_of, rudder_source, segment_settings
from ariane.ingest.siblings import TELL_S, Samples, leave, others
from ariane.ingest.sink import Busy, Sink
from ariane.settings import Settings
from ariane.store import SegmentLog

INLINE_BYTES = 1 << 18
"""A larger body is read in a thread: a hostile one may take a second, and nobody else shall wait for it."""

SHARED = 64
"""Partitions looked at for a free one on a log that several machines share."""

LOOK_S = 1.0
"""How far the consumers are behind is looked at no more often than this."""

BEHIND_RETRY_S = 10

SMALL_BYTES, BODY_S = 1 << 16, 30.0
"""A larger body, or one of a length nobody says, has so many seconds to come: room is held for it meanwhile."""

_PLAIN = (("content-type", "text/plain; version=0.0.4; charset=utf-8"), FRESH)
_STATUS = (JSON, FRESH)
_ELSEWHERE = frozenset({"metrics", "hook"})
_SUCCESS_HEADERS = [JSON, ANYWHERE[0]]


class Collector:
    """One collector process of a workspace."""

    def __init__(self, workspace: Path, console_port: int | None = None) -> None:
        settings = settings_module.load(workspace)
        self.workspace = workspace
        self.keys = KeyRing(workspace)
        self.log = _log_of(workspace, settings)
        # On a shared log other machines' collectors hold partitions too: the first free one is further on.
        self.sink = Sink(self.log, SHARED if settings.log_url else settings.collector_workers)
        self.front = Front(console_port, settings)
        self.refusals = Refusals(workspace, self.sink.metrics.partition or "collector")
        self._behind, self._look_at = 0, 0.0
        self._n_workers, self._to_tell = settings.collector_workers, False

    def owns(self, path: str) -> bool:
        """Whether the path is answered here and not by the console."""
        return routes.owns(path) or path == browser.PATH

    async def answer(self, request: Request) -> Reply:
        """The reply to a request on one of our own paths; events are on disk when it says so."""
        method, path = request.method, request.path
        if method == "OPTIONS":
            return preflight(request.headers.get("access-control-request-headers"))
        route = routes.posted(path)
        if route is not None:
            return await self.take(route, request) if method == "POST" else other_method("POST")
        if path in routes.PIXELS and method in ("GET", "HEAD"):
            return await self._seen(request)
        return await self._told(request)

    async def take(self, route: Route, request: Request) -> Reply:
        """The reply to a request that brings events."""
        began = time.perf_counter()
        if self._n_workers > 1 and not self._to_tell:
            self._to_tell = True
            asyncio.get_running_loop().call_later(TELL_S, self._tell)
        sink, keys = self.sink, self.keys.now()
        length = length_of(request.headers)
        size = length if 0 <= length < keys.max_body_bytes else keys.max_body_bytes
        body: bytes | None = b""
        kept = ""
        try:
            if keys.max_lag_bytes:
                self._hold_back(keys)
            sink.hold(size)
        except Transient as error:
            return self._refused(await _drained(request, error))
        try:
            coming = request.body(length, keys.max_body_bytes)
            body = await (coming if 0 <= length <= SMALL_BYTES else _in_time(coming))
            if body is None:
                received = Received(refusal(too_large(keys.max_body_bytes)))
            elif route.kind in _ELSEWHERE or len(body) > INLINE_BYTES:
                received = await self._received_elsewhere(route, request, body, keys)
            else:
                received = receive(route, request.headers, body, keys, time.time_ns() // 1000, request.query)
            reply, payloads, kept = received.reply, received.payloads, received.kept
            if reply.status == 200:
                if payloads:
                    await sink.put(payloads)
                seconds = time.perf_counter() - began
                sink.metrics.accepted(len(payloads), len(body or b""), received.n_invalid, seconds)
                return reply
        except (CutShort, Transient) as error:
            reply = refusal(error)
        finally:
            sink.release(size)
        self._note(request, reply, kept, body or b"", max(length, 0))
        return self._refused(reply)

    async def _received_elsewhere(self, route: Route, request: Request, body: bytes, keys: Keys) -> Received:
        """What would keep others waiting: large bodies, and hooks, whose reader is loaded with the first."""
        if route.kind == "metrics":
            self._count(body)
            return Received(SUCCESS)
        given = (request.headers, body, keys, _now_us(), request.query)
        if route.kind == "hook":
            return await asyncio.to_thread(receive_hook, request.path, *given)
        return await asyncio.to_thread(receive, route, *given)

    async def _seen(self, request: Request) -> Reply:
        """The reply to an image's address."""
        began = time.perf_counter()
        received = receive_pixel(request.path, request.headers, self.keys.now(), _now_us(), request.query)
        if received.payloads:
            try:
                await self.sink.put(received.payloads)
            except Transient as error:
                return self._refused(pixel(refusal(error)))
        if received.reply.status != 200:
            return self._refused(received.reply)
        n, seconds = len(received.payloads), time.perf_counter() - began
        self.sink.metrics.accepted(n, len(request.query), received.n_invalid, seconds)
        return received.reply

    def _refused(self, reply: Reply) -> Reply:
        try:
            code = msgspec.json.decode(reply.body, type=_Coded).code
        except (msgspec.DecodeError, UnicodeDecodeError):
            code = "pixel"
        self.sink.metrics.rejected(reply.status, code)
        return reply

    def _note(self, request: Request, reply: Reply, kept: str, body: bytes, length: int) -> None:
        """Keep the refusal for those who look at what arrives: its reason is `kept`, or else what the reply says."""
        try:
            said = msgspec.json.decode(reply.body, type=_Coded)
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = _Coded("pixel", "The pixel's event was refused.")
        agent = (request.headers.get("user-agent") or "")[:200]
        path, size = request.path[:200], max(length, len(body))
        refused = Refusal(_now_us(), reply.status, said.code, kept or said.message, path, agent, size, outline(body))
        self.refusals.note(refused)

    def _hold_back(self, keys: Keys) -> None:
        """Busy while the log's consumers are further behind than the settings allow."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            asyncio.get_running_loop().run_in_executor(None, self._look)
        if self._behind > keys.max_lag_bytes:
            raise Busy(
                f"Consumers are {self._behind:,} bytes of events behind.",
                allowed=f"max_lag_bytes, {keys.max_lag_bytes:,}",
                next_step="Send it again later.",
                retry_after_s=BEHIND_RETRY_S,
            )

    def _look(self) -> None:
        by_consumer: dict[str, int] = {}
        for lag in self._lags():
            by_consumer[lag.consumer] = by_consumer.get(lag.consumer, 0) + lag.bytes
        self._behind = max(by_consumer.values(), default=0)

    def _lags(self) -> list[Lag]:
        try:
            return lags(self.workspace, self.log, _now_us())
        except (ArianeError, OSError):
            return []

    def _tell(self) -> None:
        """Leave what was counted for the other workers."""
        self._to_tell = False
        metrics = self.sink.metrics
        asyncio.get_running_loop().run_in_executor(None, leave, self.workspace, metrics.partition, metrics.samples())

    def _siblings(self) -> list[Samples]:
        return others(self.workspace, self.sink.metrics.partition)

    def _count(self, body: bytes) -> None:
        """Count what a library says about itself; it is not kept."""
        try:
            self.sink.metrics.n_client_metrics += len(msgspec.json.decode(body, type=_Series).series)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass

    async def _told(self, request: Request) -> Reply:
        """The reply to whoever asks for settings or for how things stand."""
        method, path = request.method, request.path
        try:
            if path.startswith(routes.SETTINGS[0]) and path.endswith(routes.SETTINGS[1]):
                return self._settings(request) if method in ("GET", "HEAD") else other_method("GET")
            if path.rstrip("/") == routes.SOURCE_CONFIG:
                return self._source_config(request) if method in ("GET", "HEAD") else other_method("GET")
        except ArianeError as error:
            return self._refused(refusal(error))
        if path not in routes.STATUS and path != browser.PATH:
            return other_method("GET") if path in routes.PIXELS else self._refused(unknown_path(path, routes.known()))
        if method not in ("GET", "HEAD"):
            return other_method("GET")
        return await self._status(path, request)

    async def _status(self, path: str, request: Request) -> Reply:
        if path == browser.PATH:
            compressed = "gzip" in (request.headers.get("accept-encoding") or "")
            coding = (("content-encoding", "gzip"),) if compressed else ()
            return Reply(200, browser.script(compressed=compressed), (*browser.HEADERS, *coding))
        self.sink.open()
        ready = self.sink.ready
        if path == "/metrics":
            self.sink.metrics.writable = ready
            behind, siblings = await asyncio.to_thread(lambda: (self._lags(), self._siblings()))
            return Reply(200, self.sink.metrics.text(behind, siblings).encode(), _PLAIN)
        if path == "/healthz":
            return Reply(200, b'{"status":"ok"}', _STATUS)
        if path == "/health":
            return found({"server": "UP", "db": "UP" if ready else "DOWN", "acceptingEvents": str(ready).upper()})
        if ready:
            return Reply(200, b'{"status":"ready"}', _STATUS)
        return refusal(Transient("The log cannot be written.", retry_after_s=2))

    def _settings(self, request: Request) -> Reply:
        """What Segment's libraries fetch first: where to send, for this write key."""
        before, after = routes.SETTINGS
        key = request.path[len(before) : -len(after)]
        if key not in self.keys.now().sources:
            raise NotFound("No source has this write key.", next_step="List the keys with 'ariane keys'.")
        return found(segment_settings(key, *address_of(request.headers, request.scheme, request.host)))

    def _source_config(self, request: Request) -> Reply:
        """What RudderStack's browser library fetches first."""
        key = key_in(request.headers.get("authorization")) or asked(request.query).get("writeKey", "")
        source = self.keys.now().sources.get(key)
        if source is None:
            raise UnknownKey("No source has this write key.", next_step="List the keys with 'ariane keys'.")
        return found(rudder_source(key, source[0]))

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            protocol.close(404)
            return
        path, method = scope.path, scope.method
        route = routes.POSTED.get(path)
        if route is not None and method == "POST":
            reply = await self.take(route, RsgiRequest(scope, protocol, path, method))
            if reply is SUCCESS:
                protocol.response_bytes(200, _SUCCESS_HEADERS, SUCCESS.body)
                return
        elif not self.owns(path):
            await self.front.forward(scope, protocol)
            return
        else:
            reply = await self.answer(RsgiRequest(scope, protocol, path, method))
        if method == "HEAD" or not reply.body:
            protocol.response_empty(reply.status, list(reply.headers))
        else:
            protocol.response_bytes(reply.status, list(reply.headers), reply.body)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.sink.close()


class _Coded(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Series(msgspec.Struct):
    series: list[msgspec.Raw] = []


def create_app() -> Collector:
    """The application of the workspace named by ARIANE_WORKSPACE, in front of the console at ARIANE_CONSOLE_PORT."""
    port = os.environ.get("ARIANE_CONSOLE_PORT")
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # a request leaves no cycles: looking for them took a thirtieth of the time
    return Collector(Path(os.environ.get("ARIANE_WORKSPACE") or "."), int(port) if port else None)


def create_asgi() -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """The ingest paths as an ASGI application, for servers that do not speak RSGI."""
    collector = create_app()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            collector.sink.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        if collector.owns(scope["path"]):
            reply = await collector.answer(AsgiRequest(scope, receive))
        else:
            reply = refusal(NotFound("Nothing is here."))
        listed = [(name.encode(), value.encode()) for name, value in reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": listed})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})

    return app


class TooSlow(Transient):
    """The body did not come in time."""

    code, status = "too_slow", 408


async def _in_time(coming: Awaitable[bytes | None]) -> bytes | None:
    try:
        return await asyncio.wait_for(coming, BODY_S)
    except TimeoutError:
        allowed = f"{BODY_S:.0f} seconds, or bodies of at most {SMALL_BYTES:,} bytes"
        raise TooSlow("The body did not come in time.", allowed=allowed, next_step="Send it again.") from None


async def _drained(request: Request, error: Transient) -> Reply:
    """The refusal of a request whose body is not kept, once it has been sent: before, nobody would read the answer."""
    try:
        await request.body(-1, 0)
    except CutShort:
        pass
    return refusal(error)


def _now_us() -> int:
    return time.time_ns() // 1000


def _log_of(workspace: Path, settings: Settings) -> Any:
    if settings.log_url:
        from ariane.store.ports import open_log  # loads what the segment files do without

        return open_log(workspace, settings)
    return SegmentLog(workspace / "log", segment_bytes=settings.segment_bytes)
