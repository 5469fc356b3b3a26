"""Events told by the address of an image: mails, pages without scripts, advertisements."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ariane.errors import InputError

MAX_FIELDS = 200
_DEPTH = 10
_FIELDS = frozenset(
    {
        "event", "name", "userId", "anonymousId", "messageId", "timestamp", "originalTimestamp", "sentAt", "writeKey",
        "properties", "traits", "context", "integrations", "groupId", "previousId", "channel", "type",
    }
)  # fmt: skip


def asked(query: str) -> dict[str, str]:
    """The parameters of a query string, the first of each name. InputError when there are too many.

    >>> asked("event=Email%20Opened&writeKey=wk_1")
    {'event': 'Email Opened', 'writeKey': 'wk_1'}
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace")
    except ValueError as error:
        raise InputError("The query has too many parameters.", allowed=f"at most {MAX_FIELDS}") from error
    said: dict[str, str] = {}
    for name, value in pairs:
        said.setdefault(name, value)
    return said


def event_of(query: str, agent: str | None = None) -> bytes:
    """The body that says what an image's address says.

    Segment puts a whole event into `data`, in base64. RudderStack names its fields one by one, dots lead inwards
    (`properties.campaign=spring`); a name that is no field of an event is a property.

    >>> event_of("event=Email%20Opened&userId=u-1&properties.campaign=spring&lang=fr")
    b'{"event":"Email Opened","userId":"u-1","properties":{"campaign":"spring","lang":"fr"}}'
    >>> event_of("data=eyJldmVudCI6IkEifQ")
    b'{"event":"A"}'
    """
    said = asked(query)
    if "data" in said:
        event: Any = _opened(said["data"])
        if not isinstance(event, dict):
            raise InputError("The image's data is no event.", where="data", allowed="a JSON object in base64")
    else:
        event = {}
        for name, text in said.items():
            if name != "writeKey":
                _put(event, name if name.split(".")[0] in _FIELDS else f"properties.{name}", text)
    if agent:
        context = event.setdefault("context", {})
        if isinstance(context, dict):
            context.setdefault("userAgent", agent)
    return msgspec.json.encode(event)


def _opened(data: str) -> object:
    try:
        plain = data.replace("-", "+").replace("_", "/").replace(" ", "+")
        return msgspec.json.decode(b64decode(plain + "=" * (-len(plain) % 4)))
    except (NotBase64, ValueError, RecursionError) as error:
        raise InputError("The image's data cannot be read.", where="data", allowed="JSON in base64") from error


def _put(event: dict[str, Any], path: str, text: str) -> None:
    value: Any = text.strip('"') if path == "anonymousId" else text
    if text[:1] == "{" and path in ("properties", "traits", "context", "integrations"):
        try:
            value = msgspec.json.decode(text)
        except (ValueError, RecursionError):
            pass
    *outer, last = path.split(".", _DEPTH)
    inside = event
    for name in outer:
        if not isinstance(below := inside.setdefault(name, {}), dict):
            return
        inside = below
    inside.setdefault(last, value)
