"""The API's description, made from its endpoints and Structs: nothing in it is written by hand twice."""

from __future__ import annotations

from typing import Any

import msgspec

from ariane.api.endpoint import Endpoint

VERSION = "1.0.0"
PROBLEM = "Problem"


class Problem(msgspec.Struct, frozen=True):
    """Why a request failed: a stable code, and what, where, what was allowed and the next step in words."""

    code: str
    message: str


def document(endpoints: list[Endpoint]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these endpoints."""
    types: list[Any] = [Problem]
    for endpoint in endpoints:
        types += [endpoint.parameters, endpoint.answers]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_type = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, by_type, components)
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


def _operation(endpoint: Endpoint, by_type: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": f"Reads persons for the purpose '{endpoint.purpose}'.",
        "responses": {
            "200": _json("The answer.", by_type[repr(endpoint.answers)]),
            **{status: _json(text, by_type[repr(Problem)]) for status, text in FAILURES.items()},
        },
    }
    if endpoint.method == "POST":
        body = {"content": {"application/json": {"schema": by_type[repr(endpoint.parameters)]}}, "required": True}
        return operation | {"requestBody": body}
    shape = components[endpoint.parameters.__name__]
    required = set(shape.get("required", ()))
    operation["parameters"] = [
        {
            "name": name,
            "in": "path" if f"{{{name}}}" in endpoint.path else "query",
            "required": name in required,
            "schema": schema,
        }
        for name, schema in shape.get("properties", {}).items()
    ]
    return operation


FAILURES = {
    "400": "The request cannot be used.",
    "403": "The purpose may not read this person.",
    "404": "Nothing stands under that name.",
    "409": "Something else holds what this needs.",
    "503": "It failed now and may work later.",
}


def _json(description: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
