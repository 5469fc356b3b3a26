"""What the collector refuses is kept, told from what it takes, and holds nobody's data."""

from __future__ import annotations

import asyncio
import gzip
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest

from ariane.ingest.collector import create_asgi
from ariane.ingest.refusals import KEPT, Refusal, Refusals, outline, refusals
from ariane.settings import Source, create

AUTH = {"authorization": "Basic " + b64encode(b"wk_test:").decode()}


def post(monkeypatch: pytest.MonkeyPatch, shop: Path, *requests: dict[str, Any], path: str = "/v1/track") -> list[int]:
    """The statuses of these requests to a collector of `shop`."""
    create(shop, sources={"web": Source("wk_test", "web")})
    monkeypatch.setenv("ARIANE_WORKSPACE", str(shop))
    monkeypatch.setenv("ARIANE_MAX_BODY_BYTES", "2000")

    async def send() -> list[int]:
        app: Any = create_asgi()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://shop.test") as client:
            return [(await client.post(path, **request)).status_code for request in requests]

    return asyncio.run(send())


def test_refused_requests_are_kept_with_their_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    body = b'{"event": "Order Completed", "userId": "ana@example.org"}'
    statuses = post(
        monkeypatch, tmp_path / "shop",
        {"content": body, "headers": AUTH},
        {"content": body, "headers": {"user-agent": "till/2"}},
        {"content": b'{"userId": "ana@example.org", "event": ', "headers": AUTH},
        {"content": gzip.compress(b"x" * 200_000), "headers": AUTH},
        {"content": b"x" * 3_000, "headers": AUTH},
    )  # fmt: skip
    assert statuses == [200, 401, 400, 413, 413]
    kept = refusals(tmp_path / "shop")
    assert [refusal.status for refusal in kept] == statuses[1:]
    assert kept[0].agent == "till/2" and "write key" in kept[0].reason and kept[0].path == "/v1/track"
    assert kept[1].outline == '{"userId": …, "event":' and kept[-1].n_bytes == 3_000
    assert "ana" not in (tmp_path / "shop" / ".refused").joinpath("web-0.ndjson").read_text()
    assert refusals(tmp_path / "shop", since_us=kept[1].received_us) == kept[2:]


def test_a_hook_that_cannot_be_read_leaves_no_value_either(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = b'{"email": "ana@example.org", "event": "click", "timestamp": "ana@example.org", "sg_event_id": "e-1"}'
    statuses = post(monkeypatch, tmp_path / "shop", {"content": said, "headers": AUTH}, path="/v1/hooks/sendgrid")
    [kept] = refusals(tmp_path / "shop")
    assert statuses == [400] and "timestamp: not an instant (epoch_s)" in kept.reason
    assert "ana" not in (tmp_path / "shop" / ".refused").joinpath("web-0.ndjson").read_text()


def test_a_reader_that_fails_is_kept_by_the_kind_of_its_failure_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(body: bytes, _headers: Any) -> list[dict[str, object]]:
        raise KeyError(body.decode())

    monkeypatch.setattr("ariane.ingest.receive._hook", lambda *_: fail)
    shop = tmp_path / "shop"
    assert post(monkeypatch, shop, {"content": b"ana@example.org", "headers": AUTH}, path="/v1/hooks/till") == [400]
    [kept] = refusals(shop)
    assert "KeyError" in kept.reason and "ana" not in (shop / ".refused" / "web-0.ndjson").read_text()


def test_the_newest_are_kept_and_the_rest_forgotten(tmp_path: Path) -> None:
    clock = iter(range(10_000))
    kept = Refusals(tmp_path, "web-0", clock=lambda: float(next(clock)))
    for n in range(3 * KEPT):
        kept.note(Refusal(n, 400, "not_json", "No JSON.", "/v1/track"))
    found = refusals(tmp_path)
    assert [one.received_us for one in found] == list(range(2 * KEPT, 3 * KEPT))
    assert len(kept.file.read_bytes().splitlines()) < 2 * KEPT
    kept.file.write_bytes(kept.file.read_bytes()[:-9])  # cut by a crash
    assert len(refusals(tmp_path)) == KEPT - 1


def test_a_disk_that_takes_nothing_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / ".refused").write_text("a file where the folder would be")
    Refusals(tmp_path, "web-0").note(Refusal(1, 400, "not_json", "No JSON.", "/v1/track"))
    assert refusals(tmp_path) == []


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe\x00ana@example.org", b"ana@example.org", b'["ana@example.org"', b'{"ana@example.org": 1}',
     b'{"a": {"email": "ana@example.org', b"email=ana@example.org", b'{"t": "+33612345678", "n": 33612345678}'],
)  # fmt: skip
def test_an_outline_holds_no_value(body: bytes) -> None:
    assert "ana" not in outline(body) and "336" not in outline(body) and len(outline(body)) < 300
