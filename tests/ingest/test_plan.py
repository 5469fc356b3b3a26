"""The tracking plan: what may be a schema, what is said of an event that breaks it, and since when a version holds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ariane.errors import Conflict, InputError, NotFound, Transient
from ariane.ingest.plan import differences, freeze, plan_of, planned, read_schema, write_schema
from ariane.model import SECOND, Event

ORDERS = planned("Order Completed")
FIELDS = {
    "order_id": {"type": "string", "maxLength": 8},
    "revenue": {"type": "number", "minimum": 0},
    "currency": {"enum": ["EUR", "USD"]},
    "sent": {"type": "string", "format": "date-time"},
    "products": {"type": "array", "items": {"type": "object", "required": ["product_id"]}},
}
SCHEMA: dict[str, Any] = {
    "title": "Order Completed",
    "properties": {
        "properties": {"type": "object", "required": ["order_id"], "properties": FIELDS, "additionalProperties": False},
        "context": {"properties": {"page": {"properties": {"path": {"pattern": "^/"}}}}},
    },
}


def event(
    at_us: int = 1, type: Any = "track", name: str = "Order Completed", source: str = "web", **parts: Any
) -> Event:
    return Event(
        event_id="e", message_id="m", source=source, type=type, name=name, channel="web", occurred_us=at_us,
        received_us=at_us, **parts,
    )  # fmt: skip


def frozen(path: Path, schema: dict[str, Any] = SCHEMA, mode: Any = "quarantine") -> int:
    """Freeze a schema for orders; the instant from which it holds."""
    write_schema(path, ORDERS, schema)
    return freeze(path, ORDERS, mode).since_us


@pytest.mark.parametrize(
    ("properties", "reasons"),
    [
        ({"order_id": "o-1", "revenue": 1.5, "currency": "EUR", "products": [{"product_id": "p"}]}, ()),
        ({}, ("properties.order_id is missing",)),
        ({"order_id": "o-1", "revenue": "dear"}, ("properties.revenue is not of type number",)),
        ({"order_id": "o-1", "revenue": -1}, ("properties.revenue is less than 0",)),
        ({"order_id": "o-1234567"}, ("properties.order_id is longer than 8",)),
        ({"order_id": "o-1", "currency": "DEM"}, ("properties.currency is none of EUR/USD",)),
        ({"order_id": "o-1", "sent": "yesterday"}, ("properties.sent is no date-time",)),
        ({"order_id": "o-1", "ana@example.org": 1}, ("properties holds a field that is not in the plan",)),
        ({"order_id": "o-1", "products": [{}, {}]}, ("properties.products[].product_id is missing",)),
    ],
)
def test_reasons_name_the_field_and_never_a_value(tmp_path: Path, properties: Any, reasons: tuple[str, ...]) -> None:
    since = frozen(tmp_path)
    verdict = plan_of(tmp_path).verdict(event(since, properties=properties))
    assert (verdict.reasons if verdict else ()) == reasons
    assert not verdict or (verdict.mode, verdict.version) == ("quarantine", 1)


def test_the_context_and_the_ids_can_be_planned(tmp_path: Path) -> None:
    since = frozen(tmp_path, {"required": ["userId"], **SCHEMA})
    found = plan_of(tmp_path).verdict(event(since, properties={"order_id": "o"}, context={"page": {"path": "x"}}))
    assert found and found.reasons == ("context.page.path does not match ^/", "userId is missing")
    ours = event(since, user_id="ana", properties={"order_id": "o"}, context={"ariane": {"invalid": "odd"}})
    assert plan_of(tmp_path).verdict(ours) is None


def test_traits_of_an_identify_and_every_page_are_planned_by_type(tmp_path: Path) -> None:
    write_schema(tmp_path, planned("identify"), {"properties": {"traits": {"required": ["email"]}}})
    since = freeze(tmp_path, planned("identify"), "warn").since_us
    write_schema(tmp_path, planned("page"), {"properties": {"properties": {"required": ["path"]}}})
    since = max(since, freeze(tmp_path, planned("page"), "warn").since_us)
    plan = plan_of(tmp_path)
    assert plan.verdict(event(since, "identify", "", properties={"email": "a@b.example"})) is None
    assert plan.verdict(event(since, "identify", "", properties={})) is not None
    assert plan.verdict(event(since, "page", "Home", properties={})) is not None
    assert plan.verdict(event(since, "track", "page", properties={})) is None


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ([], "JSON object"),
        ({"type": "objekt"}, "objekt"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "draft-07"),
        ({"$schema": 5}, "written for"),
        ({"$ref": "https://example.org/order.json"}, "example.org"),
        ({"properties": {"properties": {"$ref": "file:///etc/passwd"}}}, "passwd"),
        ({"$ref": "#/$defs/nothing"}, "nothing"),
        ({"properties": {"order_id": {"type": "string"}}}, "no event has"),
        ({"properties": {"properties": {"properties": {"a": {"pattern": "(a+)+\\1$"}}}}}, "regex"),
        ({"properties": {"properties": {"properties": {"a": {"pattern": "("}}}}}, "regex"),
        ({"properties": {"properties": {"minProperties": "many"}}}, "many"),
        ({"description": "x" * 300_000}, "bytes"),
    ],
)
def test_a_broken_schema_is_refused_with_what_and_where(tmp_path: Path, schema: Any, said: str) -> None:
    file = write_schema(tmp_path, ORDERS, schema)
    with pytest.raises(InputError, match=said) as caught:
        freeze(tmp_path, ORDERS)
    assert file.name in str(caught.value)
    assert not plan_of(tmp_path), "nothing was frozen"


def test_no_pattern_can_stall_the_stream(tmp_path: Path) -> None:
    fields = {"a": {"pattern": "^(a+)+$"}, "b": {"pattern": "^(\\w+\\s?)*$"}}
    since = frozen(tmp_path, {"properties": {"properties": {"properties": fields}}})
    hostile = event(since, properties={"a": "a" * 20_000 + "!", "b": "a " * 10_000 + "!"})
    began = time.process_time()
    assert plan_of(tmp_path).verdict(hostile) is not None
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("value", [10**400, -(10**30), float("inf"), "\ud800", "\0", [[[[]]]], None, True])
def test_no_value_breaks_the_judge(tmp_path: Path, value: Any) -> None:
    since = frozen(tmp_path)
    found = plan_of(tmp_path).verdict(event(since, properties={"order_id": value}))
    assert (found is None) is isinstance(value, str)
    assert found is None or found.reasons


def test_an_event_is_judged_by_the_version_that_held_when_it_was_received(tmp_path: Path) -> None:
    bad = {"order_id": 7}
    began = time.time_ns() // 1000
    first = frozen(tmp_path)
    assert first > began
    second = freeze(tmp_path, ORDERS, "warn", since_us=first + 10 * SECOND).since_us
    third = freeze(tmp_path, ORDERS, "off", since_us=second + 10 * SECOND).since_us
    plan = plan_of(tmp_path)

    def mode_at(at_us: int) -> str:
        verdict = plan.verdict(event(at_us, properties=bad))
        return f"{verdict.mode} {verdict.version}" if verdict else ""

    assert [mode_at(at) for at in (began, first - 1, first, second - 1, second, third)] == [
        "", "", "quarantine 1", "quarantine 1", "warn 2", "",
    ]  # fmt: skip
    assert plan.verdict(event(first, source="_ariane", properties=bad)) is None, "what people decided is not judged"
    assert [version.mode for version in plan.versions] == ["quarantine", "warn", "off"]


def test_an_edit_holds_only_once_it_is_frozen(tmp_path: Path) -> None:
    since = frozen(tmp_path)
    write_schema(tmp_path, ORDERS, {"title": "Order Completed"})
    assert plan_of(tmp_path).verdict(event(since + 1, properties={})) is not None
    [found] = [one for one in differences(SCHEMA, read_schema(tmp_path, ORDERS)) if one.field == "context"]
    assert (found.what, found.before, found.after) == ("removed", "", "")


def test_history_is_not_rewritten(tmp_path: Path) -> None:
    since = frozen(tmp_path)
    with pytest.raises(Conflict):
        freeze(tmp_path, ORDERS, since_us=since + 3600 * SECOND) and freeze(tmp_path, ORDERS)
    copy = tmp_path / "plan" / "frozen" / "order-completed.track.1.json"
    copy.write_text(copy.read_text().replace("order_id", "orderid"))
    fresh = tmp_path / "plan" / "frozen.toml"
    fresh.write_text(fresh.read_text() + "\n")  # read again
    with pytest.raises(Transient, match="not what was frozen"):
        plan_of(tmp_path).verdict(event(since, properties={}))
    with pytest.raises(Transient):
        plan_of(tmp_path).verify()
    fresh.write_text("[[frozen]")
    with pytest.raises(Transient, match=r"frozen\.toml"):
        plan_of(tmp_path)


def test_names_that_look_alike_have_files_of_their_own(tmp_path: Path) -> None:
    for name in ("Order Completed", "order completed", "Order_Completed!", "注文", "", "../../etc/passwd"):
        file = write_schema(tmp_path, planned(f"track:{name}"), {"title": name})
        assert file.parent == tmp_path / "plan"
    for name in ("Order Completed", "order completed", "Order_Completed!", "注文", "../../etc/passwd"):
        assert read_schema(tmp_path, planned(name))["title"] == name


def test_what_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="ariane plan infer"):
        freeze(tmp_path, ORDERS)
    with pytest.raises(NotFound, match="not frozen"):
        freeze(tmp_path, ORDERS, "off")
    file = write_schema(tmp_path, ORDERS, SCHEMA)
    file.write_bytes(b"{")
    with pytest.raises(InputError, match="not JSON"):
        read_schema(tmp_path, ORDERS)
    assert msgspec.json.decode(write_schema(tmp_path, ORDERS, SCHEMA).read_bytes()) == SCHEMA
