"""The API's description, made from its endpoints and Structs: nothing in it is written by hand twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ariane.api.endpoint import Endpoint

VERSION = "1.0.0"


class Problem(msgspec.Struct, frozen=True):
    """Why a request failed: a stable code, and what, where, what was allowed and the next step in words."""

    code: str
    message: str


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these endpoints.

    >>> from ariane import api
    >>> described = api.document(api.ENDPOINTS)
    >>> described["openapi"], "/api/people/{id}" in described["paths"]
    ('3.1.0', True)
    """
    endpoints = list(endpoints)
    kinds: list[Any] = [Problem]
    for endpoint in endpoints:
        kinds += [endpoint.parameters, endpoint.answers]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    by_kind = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, by_kind, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ariane",
            "version": VERSION,
            "description": "What the console shows, as JSON. Persons a purpose may not read are counted, never listed.",
        },
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(endpoint: Endpoint, by_kind: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "responses": {
            "200": _json("The answer.", by_kind[endpoint.answers]),
            **{status: _json(text, by_kind[Problem]) for status, text in FAILURES.items()},
        },
    }
    if endpoint.purpose:
        operation["description"] = f"Reads persons for the purpose '{endpoint.purpose}' unless another is named."
    if endpoint.method == "POST":
        body = {"content": {"application/json": {"schema": by_kind[endpoint.parameters]}}, "required": True}
        return operation | {"requestBody": body}
    shape = components[by_kind[endpoint.parameters]["$ref"].rsplit("/", 1)[1]]
    operation["parameters"] = [_parameter(endpoint, name, held, shape) for name, held in shape["properties"].items()]
    return operation


def _parameter(endpoint: Endpoint, name: str, held: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    """A parameter of the query or the path, where there is no null: what may be null may be left out."""
    schema = {key: value for key, value in held.items() if (key, value) != ("default", None)}
    choices = [choice for choice in schema.pop("anyOf", ()) if choice != {"type": "null"}]
    return {
        "name": name,
        "in": "path" if f"{{{name}}}" in endpoint.path else "query",
        "required": name in shape.get("required", ()),
        "schema": schema | (choices[0] if choices else {}),
    }


FAILURES = {
    "400": "The request cannot be used.",
    "403": "The purpose may not read this person, or the request was sent by another site.",
    "404": "Nothing stands under that name.",
    "409": "Something else holds what this needs.",
    "503": "It failed now and may work later.",
}


def _json(description: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
