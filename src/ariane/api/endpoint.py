"""One endpoint of the JSON API as data: what it is called with, what it answers, for which purpose it reads persons."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from ariane.api.edge import shape
from ariane.errors import InputError
from ariane.model import Purpose

LONGEST = 2_000

Text = Annotated[str, Meta(max_length=LONGEST)]
Limit = Annotated[int, Meta(ge=1, le=1_000)]
Offset = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Narrowed(msgspec.Struct, frozen=True, kw_only=True):
    """Which persons and which period a measurement is about."""

    segment: Text = ""
    since: Text | None = None
    until: Text | None = None
    purpose: Purpose = "measurement"

    def narrowed(self) -> dict[str, Any]:
        """The options every measurement of a workspace takes."""
        return {"segment": self.segment, "since": self.since, "until": self.until, "purpose": self.purpose}


class Endpoint(msgspec.Struct, frozen=True):
    """`answer(workspace, parameters)` gives a Struct; `parameters` is the Struct the query string (GET) or the body
    (POST) was read into. `kept`: the answer is a function of the lake and may be given again while that stands.

    >>> class Nothing(msgspec.Struct, frozen=True): pass
    >>> def health(workspace: Any, parameters: Nothing) -> Narrowed: return Narrowed()
    >>> Endpoint("GET", "/health", health, Nothing, "Whether it lives").name
    'health'
    """

    method: Literal["GET", "POST"]
    path: str
    answer: Callable[[Any, Any], Any]
    parameters: type[msgspec.Struct]
    summary: str
    kept: bool = False

    @property
    def name(self) -> str:
        return self.answer.__name__

    @property
    def answers(self) -> Any:
        """The type of the JSON it answers."""
        return shape(get_type_hints(self.answer)["return"])

    @property
    def purpose(self) -> str:
        """What persons are read for unless another purpose is given; empty when none are read."""
        named = {field.name: field.default for field in msgspec.structs.fields(self.parameters)}
        return str(named.get("purpose", "service" if self.method == "POST" else ""))


def read_query(endpoint: Endpoint, given: Iterable[tuple[str, str]]) -> msgspec.Struct:
    """The endpoint's parameters from text values. InputError naming the one that cannot be used."""
    found: dict[str, str] = {}
    for name, value in given:
        if name in found:
            raise InputError(f"'{name[:80]}' was given twice.", where=endpoint.path, allowed="each parameter once")
        if "\0" in value:
            raise InputError(f"'{name[:80]}' holds a NUL.", where=endpoint.path, allowed="text")
        found[name] = value
    return _converted(endpoint, found, strict=False)


def read_body(endpoint: Endpoint, body: bytes) -> msgspec.Struct:
    """The endpoint's parameters from a JSON object."""
    try:
        given = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"The body is not a JSON object: {error}.", where=endpoint.path) from error
    for name, value in given.items():
        if isinstance(value, str) and "\0" in value:
            raise InputError(f"'{name[:80]}' holds a NUL.", where=endpoint.path, allowed="text")
    return _converted(endpoint, given, strict=True)


def _converted(endpoint: Endpoint, given: dict[str, Any], *, strict: bool) -> msgspec.Struct:
    known = endpoint.parameters.__struct_fields__
    for name in given:
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise InputError(f"Unknown parameter '{name[:80]}'.", where=endpoint.path, allowed=allowed)
    try:
        return msgspec.convert(given, endpoint.parameters, strict=strict)
    except msgspec.ValidationError as error:
        raise InputError(f"{error}.", where=endpoint.path, next_step="See /api/openapi.json.") from error
