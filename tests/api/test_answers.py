"""Every endpoint answers, as it says it does, and the same as Python does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest

from ariane import api
from ariane.model import Identifier
from ariane.processes import columnar, stream
from ariane.relations import NAMES
from ariane.workspace import Workspace
from tests.api.conftest import DAY_ZERO, HOSTILE, N_BUYERS, REFUSES, Client, written

ASKED: dict[str, dict[str, Any]] = {
    "/api/people/{id}": {"id": "user_id:buyer-1"},
    "/api/people/{id}/events": {"id": "email:Buyer-1@Example.org"},
    "/api/explain": {"a": "user_id:buyer-1", "b": "cookie:c-1"},
    "/api/preview": {"do": "split", "a": "user_id:buyer-1", "b": "cookie:c-1"},
    "/api/segments/members": {"rule": "buyers"},
    "/api/relations/{name}": {"name": "orders"},
    "/api/journeys/funnel": {"steps": "looks,pays"},
    "/api/voice/scores": {"by": "week"},
    "/api/plan/event": {"event": "Product Viewed"},
}
GETS = [endpoint for endpoint in api.ENDPOINTS if endpoint.method == "GET"]


def asked(client: Client, endpoint: api.Endpoint, **more: Any) -> Any:
    given = ASKED.get(endpoint.path, {}) | more
    in_path = {name: value for name, value in given.items() if f"{{{name}}}" in endpoint.path}
    return client.get(endpoint.path.format(**in_path), **{k: v for k, v in given.items() if k not in in_path})


@pytest.mark.parametrize("endpoint", GETS, ids=lambda endpoint: endpoint.path)
def test_an_endpoint_answers_what_its_schema_says(client: Client, endpoint: api.Endpoint) -> None:
    said = asked(client, endpoint)
    read = msgspec.convert(said, endpoint.answers)  # fails when a field is missing or of another type
    assert _fields(read) == _fields_of(said)
    assert "n_held_back" in said or endpoint.path in NO_POPULATION


ABOUT_ONE = ("people", "explain", "preview", "plan/event")
ABOUT_EVENTS = {"", "/event", "/quarantine", "/personal", "/noise"}
NO_POPULATION = {"/api/workspace", "/api/people/{id}", "/api/people/{id}/events", "/api/explain", "/api/preview"} | {
    f"/api/plan{what}" for what in ABOUT_EVENTS
}


def _fields(read: Any) -> Any:
    """The names of the fields of an answer read by its type, as deep as they go."""
    if isinstance(read, msgspec.Struct):
        return {name: _fields(getattr(read, name)) for name in read.__struct_fields__}
    if isinstance(read, dict):
        return {name: _fields(value) for name, value in read.items()}
    return [_fields(value) for value in read] if isinstance(read, (list, tuple)) else None


def _fields_of(said: Any) -> Any:
    if isinstance(said, dict):
        return {name: _fields_of(value) for name, value in said.items()}
    return [_fields_of(value) for value in said] if isinstance(said, list) else None


@pytest.mark.parametrize("name", NAMES)
def test_every_relation_is_listed_as_sql_lists_it(client: Client, town: Workspace, name: str) -> None:
    page = client.get(f"/api/relations/{name}", limit=1000)
    found = town.sql(f"SELECT * FROM {name}").to_arrow()
    assert page["total"] == len(page["rows"]) == found.num_rows
    assert page["columns"] == found.column_names
    assert all(list(row) == page["columns"] for row in page["rows"])


def test_pages_of_a_relation_are_its_rows_once_each(client: Client) -> None:
    whole = client.get("/api/relations/events", limit=1000)["rows"]
    pages = [client.get("/api/relations/events", limit=9, offset=at)["rows"] for at in range(0, len(whole), 9)]
    assert [row for page in pages for row in page] == whole
    assert [row["occurred_at"] for row in whole] == sorted((row["occurred_at"] for row in whole), reverse=True)


def test_the_map_is_the_one_python_draws(client: Client, town: Workspace) -> None:
    drawn, said = town.journeys.map(), client.get("/api/journeys/map")
    assert said == msgspec.json.decode(msgspec.json.encode(api.shown(drawn)))
    assert [step["key"] for step in said["steps"]] == ["looks", "pays", "answers"]
    assert said["n_persons"] == N_BUYERS and said["n_held_back"] == 1
    kpi = next(kpi for kpi in said["kpis"] if kpi["key"] == "conversion")
    assert kpi["now"]["n"] == N_BUYERS and kpi["delta"] is None


def test_instants_leave_as_iso_8601_and_no_key_of_a_table_leaves(client: Client) -> None:
    person = client.get("/api/people/user_id:buyer-1")
    assert person["first_seen_at"] == "2026-01-01T23:59:00Z"
    assert "keys" not in person and not any(name.endswith("_us") for name in person)
    workspace = client.get("/api/workspace")
    assert (workspace["name"], workspace["lag"]) == ("Town", {"stream": 0, "lake": 0})
    assert datetime.fromisoformat(workspace["last_at"]) > datetime.fromisoformat(workspace["first_at"])


def test_measurements_are_the_ones_python_gives(client: Client, town: Workspace) -> None:
    funnel = client.get("/api/journeys/funnel", steps=" looks , pays")
    assert [step["n_persons"] for step in funnel["steps"]] == [N_BUYERS, N_BUYERS]
    credit = client.get("/api/attribution/credit", model="position")
    assert credit["rows"] == town.attribution.credit(model="position").to_dicts()
    assert credit["totals"]["n_conversions"] == N_BUYERS
    nps = client.get("/api/voice/scores", question="nps")["rows"][0]
    assert {name: nps[name] for name in ("value", "lo", "hi", "n")} == {
        name: town.voice.scores(question="nps").to_dicts()[0][name] for name in ("value", "lo", "hi", "n")
    }
    segments = {row["name"]: row["n_persons"] for row in client.get("/api/segments")["rows"]}
    assert segments == town.segments.counts() and segments["buyers"] == N_BUYERS
    sessions = client.get("/api/journeys/sessions", limit=1000)
    assert sessions["total"] == len(sessions["rows"]) == len(town.journeys.sessions())
    paths = client.get("/api/journeys/paths", limit=1000)
    assert {(row["from_step"], row["to_step"], row["n"]) for row in paths["rows"]} == {
        (row["from_step"], row["to_step"], row["n"]) for row in town.journeys.paths().to_dicts()
    }


def test_a_segment_and_a_period_narrow_every_measurement(client: Client) -> None:
    week = {"since": "2026-01-01", "until": "2026-01-08T00:00:00Z"}
    assert client.get("/api/journeys/map", **week)["n_persons"] == 7
    # Seven buyers, the eighth who signed in a minute before midnight, and who was in the store.
    assert client.get("/api/segments", **week)["n_persons"] == 9
    assert client.get("/api/segments/members", rule="everyone", segment="channel:store")["n_persons"] == 1
    assert client.get("/api/journeys/sessions", segment="orders>=2")["total"] == 0


def test_few_members_are_counted_and_not_listed(client: Client) -> None:
    few, many = (client.get("/api/segments/members", rule=rule) for rule in ("channel:store", "orders>=1"))
    assert (few["n_persons"], few["person_ids"]) == (1, [])
    assert many["rule"] == "orders>=1" and len(many["person_ids"]) == many["n_persons"] == N_BUYERS
    page = client.get("/api/segments/members", rule="orders>=1", limit=5, offset=10)
    assert page["person_ids"] == many["person_ids"][10:]


def test_persons_are_searched_and_listed(client: Client) -> None:
    listed = client.get("/api/people", limit=1000)
    assert listed["total"] == len(listed["rows"]) == N_BUYERS + 2
    assert client.get("/api/people", limit=3, offset=2)["rows"] == listed["rows"][2:5]
    found = client.get("/api/people", q="buyer-1@example.org")
    assert [row["by"]["value"] for row in found["rows"]] == ["buyer-1@example.org"] and found["total"] is None
    assert (
        client.get("/api/people", q="buyer-", limit=4, offset=2)["rows"]
        == (client.get("/api/people", q="buyer-", limit=6)["rows"][2:])
    )
    assert client.get("/api/people", q="nobody at all")["rows"] == []


def test_a_timeline_goes_on_where_the_page_before_ended(client: Client) -> None:
    whole = client.get("/api/people/user_id:buyer-3/events")
    assert [row["event"] for row in whole["rows"]] == [
        "Survey Answered", "Order Completed", "Product Viewed", "Product Viewed", "",
    ]  # fmt: skip
    assert whole["next"] is None and whole["rows"][1]["properties"]["order_id"] == "o-3"
    seen, following = [], ""
    while following is not None:
        page = client.get("/api/people/user_id:buyer-3/events", limit=2, before=following)
        seen, following = seen + page["rows"], page["next"]
    assert seen == whole["rows"]
    only = client.get("/api/people/user_id:buyer-3/events", channel="app")["rows"]
    assert [row["channel"] for row in only] == ["app"]
    assert client.get("/api/people/user_id:buyer-3/events", before="2026-01-01")["rows"] == []


def test_an_explanation_has_its_evidence_and_its_words(client: Client, town: Workspace) -> None:
    same = client.get("/api/explain", a="email:BUYER-2@example.org", b="cookie:c-2")
    assert same["same"] and same["a"] == {"kind": "email", "value": "buyer-2@example.org"}
    assert len(same["path"]) == len(town.people.explain(Identifier("email", "buyer-2@example.org"), "cookie:c-2").path)
    other = client.get("/api/explain", a="user_id:buyer-2", b="user_id:buyer-3")
    assert (other["same"], other["because"]) == (False, "no_evidence") and other["words"]


def test_hostile_strings_come_back_as_they_were_sent(client: Client) -> None:
    found = client.get("/api/people", q=HOSTILE)["rows"]
    assert [row["by"]["value"] for row in found] == [HOSTILE]
    events = client.get(f"/api/people/{found[0]['person_id']}/events")["rows"]
    assert events[0]["event"] == HOSTILE
    assert events[0]["properties"] == {"store": HOSTILE, "deep": {"a_us": 2**62, "b": [1.5, None]}}
    assert client.get("/api/events/recent", channel=HOSTILE)["rows"] == []
    store = client.get("/api/events/recent", channel="store")["rows"]
    assert [row["event"] for row in store] == [HOSTILE]


def test_whoever_refuses_a_purpose_is_counted_and_nowhere_listed(client: Client, town: Workspace) -> None:
    person_id = town.people.person(f"user_id:{REFUSES}").person_id
    for endpoint in GETS:
        if endpoint.path in NO_POPULATION:
            continue
        more = [{"name": name} for name in NAMES] if "{name}" in endpoint.path else [{}]
        limit = {"limit": 500} if "limit" in endpoint.parameters.__struct_fields__ else {}
        for which in more:
            said = asked(client, endpoint, purpose="measurement", **which, **limit)
            text = msgspec.json.encode(said).decode()
            assert said["n_held_back"] == 1, endpoint.path
            assert REFUSES not in text and person_id not in text, (endpoint.path, which)
    assert client.get("/api/people", q=REFUSES, purpose="measurement")["rows"] == []
    assert client.refused(f"/api/people/{person_id}", purpose="measurement")[:2] == (403, "consent_required")
    assert client.refused(f"/api/people/{person_id}/events", purpose="measurement")[:2] == (403, "consent_required")
    pair = {"a": f"user_id:{REFUSES}", "b": "cookie:c-withheld"}
    assert client.refused("/api/explain", **pair, purpose="measurement")[:2] == (403, "consent_required")
    assert client.get(f"/api/people/{person_id}")["person_id"] == person_id  # service is owed to everybody
    assert client.get("/api/journeys/map", purpose="service")["n_held_back"] == 0


def test_who_never_agreed_is_held_back_from_what_needs_consent(client: Client) -> None:
    assert client.get("/api/people", purpose="marketing") == {
        "rows": [], "total": 0, "limit": 50, "offset": 0, "n_held_back": N_BUYERS + 2,
    }  # fmt: skip
    said = client.get("/api/journeys/map", purpose="marketing")
    assert (said["n_persons"], said["n_held_back"]) == (0, N_BUYERS + 2)


def test_whoever_has_just_come_is_not_listed_before_their_events(own_town: tuple[Workspace, Client]) -> None:
    """The state's tables reach the lake a moment before the events: who never agreed has no event there yet."""
    workspace, client = own_town
    with workspace.stores.log.writer("web-0") as writer:
        writer.append([written(900, "Product Viewed", DAY_ZERO, user="just-come")])
    stream.run(workspace.stores)
    columnar.export(workspace.stores)
    for name in ("persons", "identifiers", "edges", "events", "consents"):
        assert client.get(f"/api/relations/{name}", purpose="marketing", limit=1000)["rows"] == []
    listed = client.get("/api/relations/identifiers", limit=1000)["rows"]
    assert any(row["value"] == "just-come" for row in listed)


def test_a_workspace_without_events_answers_everywhere(tmp_path: Any) -> None:
    from ariane import settings

    settings.create(tmp_path / "empty")
    with Workspace(tmp_path / "empty") as workspace:
        client = Client(workspace)
        for endpoint in GETS:
            given = ASKED.get(endpoint.path, {})
            path = endpoint.path.format(**given)
            rest = {name: value for name, value in given.items() if f"{{{name}}}" not in endpoint.path}
            answer = client.ask("GET", path, params={} if "steps" in rest else rest)
            assert answer.status_code in (200, 404), answer.text
            assert answer.status_code == 200 or any(one in path for one in ABOUT_ONE), answer.text
        client.close()


def test_the_period_is_read_to_the_microsecond() -> None:
    from ariane.workspace import iso, to_us

    for instant_us in (DAY_ZERO, DAY_ZERO + 1, 1, -1, 0, -1_500_000):
        assert to_us(iso(instant_us)) == instant_us
