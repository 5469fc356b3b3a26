"""What cannot be answered is refused as JSON that says what, where and what was allowed; nothing ever breaks."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount

from ariane import api
from ariane.workspace import Workspace
from tests.api.conftest import HOSTILE, Client, problem

GETS = [endpoint for endpoint in api.ENDPOINTS if endpoint.method == "GET"]


@pytest.mark.parametrize(
    ("path", "given", "said"),
    [
        ("/api/people", {"limit": "0"}, ">= 1"),
        ("/api/people", {"limit": "1001"}, "<= 1000"),
        ("/api/people", {"limit": "ten"}, "int"),
        ("/api/people", {"offset": "-1"}, ">= 0"),
        ("/api/people", {"offset": "1" + "0" * 30}, "offset"),
        ("/api/people", {"q": "a", "offset": "9990"}, "10,000"),
        ("/api/people", {"q": "a" * 2001}, "2000"),
        ("/api/people", {"q": "a\0b"}, "NUL"),
        ("/api/people", {"colour": "blue"}, "Allowed: q, limit, offset, purpose"),
        ("/api/people", {"purpose": "curiosity"}, "purpose"),
        ("/api/people/user_id:buyer-1", {"id": "user_id:buyer-2"}, "twice"),
        ("/api/people/user_id:buyer-1/events", {"before": "yesterday"}, "ISO 8601"),
        ("/api/explain", {"a": "user_id:buyer-1"}, "b"),
        ("/api/explain", {"a": "buyer-1", "b": "buyer-2"}, "kind:value"),
        ("/api/workspace", {"q": "1"}, "Allowed: none"),
        ("/api/journeys/map", {"since": "2026-02-30"}, "ISO 8601"),
        ("/api/journeys/map", {"since": "9999-12-31T23:59:59-23:59"}, "years 1 to 9999"),
        ("/api/journeys/map", {"since": "2026-02-01", "until": "2026-01-01"}, "ends before"),
        ("/api/journeys/map", {"segment": "ordres>=2"}, "did you mean 'orders'"),
        ("/api/journeys/sessions", {"segment": HOSTILE}, "segment"),
        ("/api/journeys/funnel", {"steps": "looks,looks"}, "twice"),
        ("/api/journeys/funnel", {"steps": "," * 5 + "x," * 101}, "100 at most"),
        ("/api/voice/scores", {"by": "mood"}, "Allowed: about, channel"),
        ("/api/voice/scores", {"question": "npss"}, "did you mean 'nps'"),
        ("/api/attribution/credit", {"model": "markov"}, "Allowed: first"),
        ("/api/segments/members", {}, "rule"),
        ("/api/segments/members", {"rule": "(" * 200}, "rule"),
        ("/api/relations/secrets", {}, "Allowed: events"),
        ("/api/events/recent", {"limit": "501"}, "<= 500"),
    ],
)
def test_what_cannot_be_used_is_said(client: Client, path: str, given: dict[str, str], said: str) -> None:
    status, code, message = client.refused(path, **given)
    assert (status, code) == (400, "invalid_input")
    assert said in message


def test_a_parameter_given_twice_is_refused(client: Client) -> None:
    status, _, message = problem(client.ask("GET", "/api/people?limit=1&limit=2"))
    assert status == 400 and "'limit' was given twice" in message


def test_what_is_not_there_is_not_found(client: Client) -> None:
    assert client.refused("/api/people/P-0000000000000")[:2] == (404, "not_found")
    assert client.refused("/api/people/email:nobody@example.org/events")[:2] == (404, "not_found")
    assert client.refused("/api/explain", a="user_id:buyer-1", b="user_id:nobody")[:2] == (404, "not_found")
    assert client.refused("/api/journeys/funnel", steps="flies")[:2] == (404, "not_found")
    assert client.refused("/api/people/" + "..%2F" * 5 + "etc")[:2] == (404, "not_found")
    status, code, message = client.refused("/api/nothing/here")
    assert (status, code) == (404, "not_found") and "/api/openapi.json" in message


def test_another_method_is_refused_with_the_one_there_is(client: Client) -> None:
    answer = client.ask("DELETE", "/api/people")
    assert problem(answer)[:2] == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"
    assert client.ask("POST", "/api/workspace", json={}).headers["allow"] == "GET"
    assert client.ask("PUT", "/api/people/merge", json={}).headers["allow"] == "GET, POST"  # an id may be 'merge'
    assert client.ask("HEAD", "/api/workspace").status_code == 200


@pytest.mark.parametrize("host", ["evil.test", "evil.test:8600", "localhost.evil.test", "192.168.1.9", ""])
def test_another_name_reads_nothing(client: Client, host: str) -> None:
    status, code, message = problem(client.ask("GET", "/api/people", headers={"host": host}))
    assert (status, code) == (421, "misdirected") and "'hosts' in ariane.toml" in message
    sent = {"host": host, "origin": f"http://{host}"}
    body = {"a": "user_id:buyer-1", "b": "user_id:nobody", "actor": "nina", "reason": "none"}
    assert client.ask("POST", "/api/people/merge", json=body, headers=sent).status_code == 421


def test_without_a_workspace_everything_says_so(tmp_path: Any) -> None:
    nowhere = Starlette(routes=[Mount("/api", routes=api.routes(lambda: Workspace(tmp_path / "nowhere")))])

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=nowhere), base_url="http://a.test") as client:
            return await client.get("/api/people")

    assert problem(asyncio.run(ask()))[:2] == (404, "not_found")


# ── whatever is asked ─────────────────────────────────────────────────────────────────────────────────────────────────

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "", "null", "true", "-1", "0", "1", "7", "1e3", "99999999999999999999", "NaN", "'", '"', "%", "_", "\\",
            HOSTILE, "P-0", "P-ZZZZZZZZZZZZZ", ":", "user_id:", ":x", "user_id:buyer-1", "email:é@ü.fr", "cookie:c-1",
            "events", "persons", "looks", "looks,pays", "pays,looks", ",", "first", "decay", "nps", "week", "about",
            "channel:store", "!channel:store", "orders>=99999999999999999999", "orders>=2@0", "revenue>=-1@99999",
            "a|b", "((((", "device_type:mobile", "consent:marketing", "!(orders>=1|events<0)", "service", "marketing",
            "2026-01-01", "2026-01-05T00:00:00Z", "0001-01-01", "9999-12-31", "0001-01-01T00:00:00+23:59",
            "2026-01-01T00:00:00Z,abc", "20260101", "2026-W01", "12:00", "Order Completed",
        ]
    ),
)  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    endpoint = draw(st.sampled_from(GETS))
    names = endpoint.parameters.__struct_fields__
    in_path = [name for name in names if f"{{{name}}}" in endpoint.path]
    path = endpoint.path
    for name in in_path:
        path = path.replace(f"{{{name}}}", draw(TEXTS))
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) if names else []
    return path, {name: draw(TEXTS) for name in chosen if name not in in_path}


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(asked=requests())
def test_nothing_that_is_asked_breaks_anything(client: Client, asked: tuple[str, dict[str, str]]) -> None:
    path, parameters = asked
    assume("\n" not in path)  # routers end an address at a line break: that one is not ours to answer
    answer = client.ask("GET", quote(path), params=parameters)
    assert answer.status_code in (200, 400, 403, 404), (path, parameters, answer.text)
    if answer.status_code != 200:
        problem(answer)
