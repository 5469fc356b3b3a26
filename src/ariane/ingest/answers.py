"""What goes back to a client: the one success, refusals that all look alike, and what browsers ask beforehand."""

from __future__ import annotations

import re
from base64 import b64decode

import msgspec

from ariane.errors import ArianeError, InputError, Transient

ALLOWED_HEADERS = ("Authorization", "Content-Type", "Content-Encoding", "X-Retry-Count", "AnonymousId")
"""Request headers that a browser may send; whatever else it asks for, it may send too."""

JSON = ("content-type", "application/json")
ANYWHERE = (("access-control-allow-origin", "*"), ("access-control-expose-headers", "Retry-After"))
FRESH = ("cache-control", "no-store")

GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""An image of one transparent pixel."""

_NAMES = re.compile(r"[A-Za-z0-9_-]{1,60}(, ?[A-Za-z0-9_-]{1,60}){0,30}")


class Detailed(InputError):
    """A refusal that shows the sender a value they sent. `kept` says the same without it, for all others.

    >>> error = Detailed("at: 'ana' is not an instant.", kept="at: not an instant.", where="hook till")
    >>> str(error), error.kept
    ("hook till: at: 'ana' is not an instant.", 'hook till: at: not an instant.')
    """

    def __init__(self, what: str, *, kept: str, where: str = "", allowed: str = "", next_step: str = "") -> None:
        super().__init__(what, where=where, allowed=allowed, next_step=next_step)
        self.kept = str(InputError(kept, where=where, allowed=allowed, next_step=next_step))


class Reply(msgspec.Struct, frozen=True):
    """What goes back: status, headers, body."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (JSON, *ANYWHERE)


SUCCESS = Reply(200, b'{"success": true}')


def refusal(error: ArianeError) -> Reply:
    """The error as clients expect it: always a `code` and a `message`, and when to come back if that may help.

    >>> refusal(Transient("The disk is full.", retry_after_s=5)).headers[-1]
    ('retry-after', '5')
    """
    body = msgspec.json.encode({"code": error.code, "message": str(error)})
    if isinstance(error, Transient):
        return Reply(error.status, body, (JSON, *ANYWHERE, ("retry-after", str(max(1, error.retry_after_s)))))
    return Reply(error.status, body)


def found(document: object) -> Reply:
    """A JSON document that is there to be read."""
    return Reply(200, msgspec.json.encode(document), (JSON, *ANYWHERE, FRESH))


def pixel(reply: Reply) -> Reply:
    """The same answer to an image tag, which can show a picture but read nothing: its body is always a picture."""
    kept = tuple(header for header in reply.headers if header[0] == "retry-after")
    return Reply(reply.status, GIF, (("content-type", "image/gif"), *ANYWHERE, FRESH, *kept))


def preflight(headers: str | None) -> Reply:
    """The answer to a browser that asks beforehand: from anywhere, with whatever headers its library sends.

    >>> preflight("authorization,rsa-retry-reason").headers[2][1][-29:]
    'AnonymousId, rsa-retry-reason'
    """
    asked = headers.split(",") if headers and _NAMES.fullmatch(headers) else []
    known = {name.lower() for name in ALLOWED_HEADERS}
    more = [name.strip() for name in asked if name.strip().lower() not in known]
    allowed = (
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, POST, OPTIONS"),
        ("access-control-allow-headers", ", ".join([*ALLOWED_HEADERS, *more])),
        ("access-control-max-age", "86400"),
        ("vary", "Access-Control-Request-Headers"),
    )
    return Reply(204, b"", allowed)


def other_method(allowed: str) -> Reply:
    """The answer to a method a path does not take."""
    body = msgspec.json.encode({"code": "method_not_allowed", "message": f"Use {allowed} here."})
    return Reply(405, body, (JSON, *ANYWHERE, ("allow", f"{allowed}, OPTIONS")))


def unknown_path(path: str, known: str) -> Reply:
    """The answer to a path that takes no events."""
    message = f"No events are taken at {path[:200]}. Allowed: {known}."
    return Reply(404, msgspec.json.encode({"code": "not_found", "message": message}))
