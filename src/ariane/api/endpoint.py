"""One endpoint of the JSON API as data: what it is called with, what it answers, for which purpose it reads persons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_type_hints

import msgspec

from ariane.errors import InputError
from ariane.model import Purpose


class Endpoint(msgspec.Struct, frozen=True):
    """`answer(workspace, parameters)` gives a Struct, a list of Structs, or a Result; `parameters` is the Struct the
    query string (GET) or the body (POST) was read into."""

    method: Literal["GET", "POST"]
    path: str
    answer: Callable[[Any, Any], Any]
    parameters: type[msgspec.Struct]
    purpose: Purpose
    summary: str

    @property
    def name(self) -> str:
        return self.answer.__name__

    @property
    def answers(self) -> Any:
        return get_type_hints(self.answer)["return"]


def read_parameters(endpoint: Endpoint, given: dict[str, Any]) -> msgspec.Struct:
    """The endpoint's parameters from text values. InputError naming the one that cannot be used."""
    known = endpoint.parameters.__struct_fields__
    for name in given:
        if name not in known:
            raise InputError(f"Unknown parameter '{name}'.", where=endpoint.path, allowed=", ".join(known) or "none")
    try:
        return msgspec.convert(given, endpoint.parameters, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(f"{error}.", where=endpoint.path, next_step="See /api/openapi.json.") from error
