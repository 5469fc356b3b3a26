"""`ariane plan` from the first schema to the replay, and the same over HTTP and in Python."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

import ariane
from ariane.api import planned as endpoints
from ariane.cli.plan import plan
from ariane.errors import ArianeError, InputError, NotFound
from ariane.ingest.plan import plan_of
from ariane.ingest.receive import receive
from ariane.store import Stores
from tests.processes.living import KEYS, process, workspace

NOW_US = time.time_ns() // 1000


def orders(numbers: Any, revenue: Any = 5.0, **more: Any) -> list[bytes]:
    return [
        msgspec.json.encode(
            {
                "type": "track", "event": "Order Completed", "messageId": f"o-{n}", "anonymousId": f"c-{n % 5}",
                "properties": {"order_id": f"id-{n}", "revenue": revenue, "friend": "ana@example.org"} | more,
            }
        )
        for n in numbers
    ]  # fmt: skip


def send(stores: Stores, events: list[bytes], at_us: int) -> None:
    with stores.log.writer("web-0") as writer:
        body = b'{"writeKey":"wk_test","batch":[' + b",".join(events) + b"]}"
        writer.append(receive("batch", {}, body, KEYS, at_us).payloads)
    process(stores)


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    made = workspace(tmp_path / "ws")
    send(made, [*orders(range(30)), b'{"type":"page","name":"Home","messageId":"p","anonymousId":"c-1"}'], NOW_US)
    return made


def run(stores: Stores, *arguments: str) -> Any:
    said = CliRunner().invoke(plan, [*arguments, "-w", str(stores.path), "--json"], catch_exceptions=True)
    if isinstance(said.exception, ArianeError):
        raise said.exception
    assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
    return json.loads(said.stdout)


def test_from_the_first_schema_to_the_replay(stores: Stores, tmp_path: Path) -> None:
    assert {one["name"]: one["status"] for one in run(stores, "show")["events"]} == {
        "Order Completed": "new", "page": "new",
    }  # fmt: skip
    files = run(stores, "infer")["files"]
    assert [Path(file).name for file in files] == ["order-completed.track.json", "page.json"]
    assert run(stores, "infer")["files"] == [], "what somebody edited is not written over"
    [suspect] = run(stores, "personal")["suspicions"]
    assert (suspect["field"], suspect["kind"], suspect["example"]) == ("properties.friend", "email", "a…@….org")
    schema = json.loads(Path(files[0]).read_text())
    schema["properties"]["properties"]["properties"]["friend"]["x-personal"] = "email"
    Path(files[0]).write_text(json.dumps(schema))
    assert run(stores, "personal")["suspicions"] == []
    frozen = run(stores, "freeze", "Order Completed", "--mode", "quarantine")
    assert (frozen["version"], frozen["mode"]) == (1, "quarantine")
    send(stores, orders(range(40, 46), revenue="five"), plan_of(stores.path).latest_us() + 1)
    [event, _] = run(stores, "show")["events"]
    assert (event["n"], event["n_held"], event["status"], event["version"]) == (30, 6, "frozen", 1)
    held = run(stores, "quarantine")
    assert held["n"] == 6 and held["reasons"] == [
        {"name": "Order Completed", "reason": "properties.revenue is not of type number", "n": 6}
    ]
    assert "five" not in json.dumps(held)
    schema["properties"]["properties"]["properties"]["revenue"]["type"] = ["number", "string"]
    Path(files[0]).write_text(json.dumps(schema))
    assert run(stores, "show")["events"][0]["status"] == "edited"
    assert run(stores, "diff", "Order Completed")["differences"] == [
        {"field": "properties.revenue", "what": "type", "before": "number", "after": "number, string"}
    ]
    run(stores, "freeze", "Order Completed", "--mode", "quarantine")
    assert run(stores, "replay") == {"n_released": 6, "n_held": 0}
    assert (run(stores, "quarantine")["n"], run(stores, "show")["events"][0]["n"]) == (0, 36)
    assert run(stores, "thaw", "Order Completed")["mode"] == "off"
    assert [one["mode"] for one in run(stores, "show", "Order Completed")["versions"]] == [
        "quarantine",
        "quarantine",
        "off",
    ]


def test_events_can_be_checked_before_anything_is_frozen(stores: Stores, tmp_path: Path) -> None:
    run(stores, "infer")
    assert run(stores, "check") == {
        "ok": True,
        "events": [
            {"name": "Order Completed", "n": 30, "n_broken": 0, "reasons": []},
            {"name": "page", "n": 1, "n_broken": 0, "reasons": []},
        ],
    }
    file = tmp_path / "new.ndjson"
    file.write_bytes(b"\n".join([*orders([1]), *orders([2], revenue=None)]))
    said = CliRunner().invoke(plan, ["check", str(file), "-w", str(stores.path)])
    assert said.exit_code == 1 and "properties.revenue is not of type number (1)" in said.stdout
    file.write_bytes(b'{"event": 5}\n{')
    with pytest.raises(InputError, match=r"new\.ndjson:1"):
        run(stores, "check", str(file))


def test_what_cannot_be_done_says_why(stores: Stores) -> None:
    with pytest.raises(NotFound, match="not frozen"):
        run(stores, "thaw", "Order Completed")
    with pytest.raises(NotFound, match="ariane plan infer"):
        run(stores, "show", "No Such Event")
    with pytest.raises(NotFound, match="ariane plan infer"):
        run(stores, "freeze", "No Such Event")
    (stores.path / "plan").mkdir(exist_ok=True)
    (stores.path / "plan" / "page.json").write_text('{"type": "objekt"}')
    assert {one["name"]: one["status"] for one in run(stores, "show")["events"]}["page"] == "broken"
    with pytest.raises(InputError, match=r"page\.json"):
        run(stores, "freeze", "page")


def test_python_and_http_say_the_same(stores: Stores) -> None:
    with ariane.open(stores.path) as ws:
        ws.plan.draft()
        frozen = endpoints.plan_freeze(ws, endpoints.FreezeAsked("Order Completed", "warn"))
        send(stores, orders([50], revenue="x"), frozen.since_us + 1)
        told = endpoints.plan_event(ws, endpoints.PlanEventAsked("Order Completed"))
        assert [one.reason for one in told.warnings] == ["properties.revenue is not of type number"]
        assert told.json_schema == ws.plan.schema("Order Completed") and told.edited == ()
        assert [(one.field, one.after) for one in told.arrived] == [("properties.revenue", "number, string")]
        assert endpoints.plan_events(ws, endpoints.PlanAsked()).rows == ws.plan.events()
        assert endpoints.plan_noise(ws, endpoints.PlanAsked()).rows == ()
        assert endpoints.plan_quarantine(ws, endpoints.QuarantineAsked()).n == 0
        assert endpoints.plan_personal(ws, endpoints.PersonalAsked()).rows == ws.plan.personal()
