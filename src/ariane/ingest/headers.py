"""The headers of a request, whatever server it came by, and the write key among them."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable
from typing import Protocol


class Headers(Protocol):
    """Request headers by lower-case name."""

    def get(self, key: str, /) -> str | None: ...

    def items(self) -> Iterable[tuple[str, str]]: ...


def key_in(authorization: str | None) -> str | None:
    """The write key an Authorization header carries: the user name of Basic, or the token of Bearer.

    >>> key_in("Basic d2tfMTo="), key_in("Bearer wk_1"), key_in("Digest x"), key_in(None)
    ('wk_1', 'wk_1', None, None)
    """
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return b64decode(value.strip(), validate=True).decode().partition(":")[0]
        except (NotBase64, UnicodeDecodeError, ValueError):
            pass
    return None
