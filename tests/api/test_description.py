"""The OpenAPI document, the documentation and the endpoints say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from ariane import api
from tests.api.conftest import Client
from tests.machine import REPOSITORY

METHODS = {"get", "post"}


@pytest.fixture(scope="module")
def described(client: Client) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/api/openapi.json")
    return document


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)


def test_every_reference_leads_somewhere_and_every_schema_is_used(described: dict[str, Any]) -> None:
    references = {node["$ref"] for node in _nodes(described) if "$ref" in node}
    schemas = {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
    assert references <= schemas
    # The parameters of a GET are written out one by one.
    named = {f"#/components/schemas/{one.parameters.__name__}" for one in api.ENDPOINTS}
    assert schemas - references <= named


def test_the_document_is_openapi_3_1(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1.") and {"title", "version"} <= set(described["info"])
    operations = [operation for path in described["paths"].values() for operation in path.values()]
    assert all(set(path) <= METHODS for path in described["paths"].values())
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names)) == len(api.ENDPOINTS)
    for operation in operations:
        assert {"200", "400", "404"} <= set(operation["responses"])
        for answer in operation["responses"].values():
            assert answer["description"] and "schema" in answer["content"]["application/json"]


def test_parameters_are_those_the_endpoint_reads(described: dict[str, Any]) -> None:
    for endpoint in api.ENDPOINTS:
        operation = described["paths"][endpoint.path][endpoint.method.lower()]
        if endpoint.method == "POST":
            assert operation["requestBody"]["required"] and "parameters" not in operation
            continue
        named = {parameter["name"]: parameter for parameter in operation["parameters"]}
        assert set(named) == set(endpoint.parameters.__struct_fields__)
        in_path = set(re.findall(r"{(\w+)}", endpoint.path))
        for name, parameter in named.items():
            assert (parameter["in"] == "path") == (name in in_path)
            assert parameter["required"] or name not in in_path
            assert {"type", "enum"} & set(parameter["schema"]) and "anyOf" not in parameter["schema"]


def test_the_document_is_the_one_python_makes(described: dict[str, Any]) -> None:
    assert described == msgspec.json.decode(msgspec.json.encode(api.document(api.ENDPOINTS)))


def test_every_endpoint_is_documented_with_its_parameters_and_nothing_else() -> None:
    text = (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(GET|POST) (/api/[^`?]*)(?:\?([^`]*))?` \|", text, re.MULTILINE)
    said = {(method, path): set(filter(None, parameters.split("&"))) for method, path, parameters in rows}
    common = {"segment", "since", "until", "purpose"}
    there = {
        (one.method, one.path): {
            name
            for name in one.parameters.__struct_fields__
            if f"{{{name}}}" not in one.path and name not in common and one.method == "GET"
        }
        for one in api.ENDPOINTS
    }
    assert said == there
