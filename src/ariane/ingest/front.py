"""Everything that is not ingest goes to the console's process on this machine, as it came, streamed both ways."""

from __future__ import annotations

import asyncio
import html
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec

from ariane.settings import Misdirected, Settings, check_host

CONNECT_S = 2.0

# What belongs to one connection and not to the message (RFC 9110, 7.6.1).
_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"})
_FORWARDED = frozenset({"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"})
_BODIES = frozenset({"POST", "PUT", "PATCH", "DELETE"})

STARTING = b"""<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width"><title>Ariane</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto}</style>
<h1>The console is starting</h1><p>This page loads again by itself. Events are taken meanwhile.</p></html>
"""

MISDIRECTED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Ariane</title>
<meta name="viewport" content="width=device-width"><h1>Ariane does not answer to this name</h1><p>{}</p></html>
"""


class Front:
    """A reverse proxy to `127.0.0.1:<port>`; without a port everything is answered 404. Under a name that is
    not ours it is 421.

    It speaks to the console without a cookie jar and follows no redirect: what the browser and the console say to
    each other passes unchanged.
    """

    def __init__(self, port: int | None, settings: Settings) -> None:
        self._settings = settings
        self._origin = f"http://127.0.0.1:{port}" if port else ""
        self._transport: httpx.AsyncHTTPTransport | None = None

    async def forward(self, scope: Any, protocol: Any) -> None:
        """Pass an RSGI request on and stream the answer back. 503 while the console is not up."""
        if not self._origin:
            protocol.response_str(
                404, [("content-type", "application/json")], '{"code":"not_found","message":"Nothing is here."}'
            )
            return
        try:
            check_host(self._settings, _host(scope))
        except Misdirected as error:
            _misdirected(scope, protocol, error)
            return
        if self._transport is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
            self._transport = httpx.AsyncHTTPTransport(limits=limits)
        try:
            response = await self._transport.handle_async_request(self._request(scope, protocol))
        except httpx.TransportError:
            _not_up(scope, protocol)
            return
        try:
            await _answer(scope, protocol, response)
        finally:
            await response.aclose()

    def _request(self, scope: Any, protocol: Any) -> httpx.Request:
        headers = [
            (name, value) for name, value in scope.headers.items() if name not in _HOP and name not in _FORWARDED
        ]
        host = _host(scope)
        if not any(name == "host" for name, _ in headers):
            headers.append(("host", host))
        client = scope.client.rsplit(":", 1)[0]
        headers += [("x-forwarded-for", client), ("x-forwarded-proto", scope.scheme), ("x-forwarded-host", host)]
        url = httpx.URL(self._origin, raw_path=_target(scope))
        body = _body(protocol) if scope.method in _BODIES else None
        timeout = {"connect": CONNECT_S, "read": None, "write": None, "pool": None}
        return httpx.Request(scope.method, url, headers=headers, content=body, extensions={"timeout": timeout})


def _host(scope: Any) -> str:
    return scope.headers.get("host") or scope.authority or ""


def _target(scope: Any) -> bytes:
    """Path and query as they came; the server hands the path over decoded."""
    path = httpx.URL("http://x", path=scope.path).raw_path
    return path + b"?" + scope.query_string.encode() if scope.query_string else path


async def _body(protocol: Any) -> AsyncIterator[bytes]:
    async for chunk in protocol:
        yield bytes(chunk)


async def _answer(scope: Any, protocol: Any, response: httpx.Response) -> None:
    headers = [(name, value) for name, value in response.headers.multi_items() if name not in _HOP]
    status = response.status_code
    if scope.method == "HEAD" or status in (204, 304):
        protocol.response_empty(status, headers)
        return
    length = response.headers.get("content-length")
    if length is not None and int(length) <= 1 << 16:
        protocol.response_bytes(status, headers, b"".join([chunk async for chunk in response.aiter_raw()]))
        return
    stream = protocol.response_stream(status, headers)
    copying = asyncio.create_task(_copy(response, stream))
    leaving = asyncio.create_task(_left(protocol))
    await asyncio.wait((copying, leaving), return_when=asyncio.FIRST_COMPLETED)
    for task in (copying, leaving):
        task.cancel()
    await asyncio.gather(copying, leaving, return_exceptions=True)


async def _left(protocol: Any) -> None:
    await protocol.client_disconnect()  # granian's own awaitable: asyncio cannot gather it


async def _copy(response: httpx.Response, stream: Any) -> None:
    async for chunk in response.aiter_raw():
        await stream.send_bytes(chunk)


def _wants_page(scope: Any) -> bool:
    return "text/html" in (scope.headers.get("accept") or "")


def _misdirected(scope: Any, protocol: Any, error: Misdirected) -> None:
    headers = [("cache-control", "no-store"), ("x-content-type-options", "nosniff")]
    if _wants_page(scope):
        body = MISDIRECTED.format(html.escape(str(error))).encode()
        protocol.response_bytes(error.status, [*headers, ("content-type", "text/html; charset=utf-8")], body)
    else:
        body = msgspec.json.encode({"code": error.code, "message": str(error)})
        protocol.response_bytes(error.status, [*headers, ("content-type", "application/json")], body)


def _not_up(scope: Any, protocol: Any) -> None:
    headers = [("retry-after", "2"), ("cache-control", "no-store")]
    if _wants_page(scope):
        protocol.response_bytes(503, [*headers, ("content-type", "text/html; charset=utf-8")], STARTING)
    else:
        body = b'{"code":"unavailable","message":"The console is starting."}'
        protocol.response_bytes(503, [*headers, ("content-type", "application/json")], body)
