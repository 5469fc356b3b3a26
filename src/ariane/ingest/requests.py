"""A request as the collector sees it, whichever interface the server speaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from ariane.errors import InputError
from ariane.ingest.headers import Headers

DRAINED = 4
"""A body that is not kept is read up to this many times the limit, so that the client hears the answer."""

WHOLE_BYTES = 1 << 20
"""A body of at most this length is asked for at once, a larger one packet by packet."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class CutShort(InputError):
    """The body ended before it was whole, or was not framed as its headers say."""

    def __init__(self) -> None:
        super().__init__("The body ended before it was whole.", next_step="Send it again.")


class Request(Protocol):
    """What the collector asks of a request."""

    method: str
    path: str
    query: str
    scheme: str
    host: str
    headers: Headers

    async def body(self, length: int, allowed: int) -> bytes | None:
        """The whole body, announced as so many bytes (-1: not), or None when it is larger than allowed. Raises
        CutShort."""
        ...


def length_of(headers: Headers) -> int:
    """The body's length if it was announced, else -1."""
    length = headers.get("content-length")
    return int(length) if length is not None and len(length) < 16 and length.isdecimal() and length.isascii() else -1


class RsgiRequest:
    """A request as granian hands it over."""

    __slots__ = ("_protocol", "headers", "host", "method", "path", "query", "scheme")

    def __init__(self, scope: Any, protocol: Any, path: str, method: str) -> None:
        self.method, self.path = method, path
        self.query, self.scheme, self.host = scope.query_string, scope.scheme, scope.authority or ""
        self.headers: Headers = scope.headers
        self._protocol = protocol

    async def body(self, length: int, allowed: int) -> bytes | None:
        """The whole body, or None when it is larger than allowed; nothing is kept of it then."""
        try:
            if 0 <= length <= WHOLE_BYTES and length <= allowed:
                whole: bytes = await self._protocol()
                return whole
            return await _read(self._protocol, allowed)
        except RuntimeError as error:  # granian's, when the client left, or its chunks are none
            raise CutShort() from error


class AsgiRequest:
    """A request as ASGI servers hand it over."""

    def __init__(self, scope: Message, receive: Receive) -> None:
        self.method, self.path, self.scheme = scope["method"], scope["path"], scope["scheme"]
        self.query, self.host = scope["query_string"].decode("latin-1"), ""
        self.headers: Headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._receive = receive

    async def body(self, length: int, allowed: int) -> bytes | None:
        return await _read(self._chunks(), allowed)

    async def _chunks(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise CutShort()
            more = message.get("more_body", False)
            yield message.get("body", b"")


async def _read(chunks: AsyncIterator[bytes], allowed: int) -> bytes | None:
    """The whole body, or None when it is larger than allowed."""
    pieces: list[bytes] = []
    size = 0
    async for piece in chunks:
        size += len(piece)
        if size > allowed:
            pieces.clear()
            if size > max(allowed, WHOLE_BYTES) * DRAINED:
                break
        else:
            pieces.append(bytes(piece))
    return None if size > allowed else pieces[0] if len(pieces) == 1 else b"".join(pieces)
