"""Deciding about persons: an event of ours in the log, which the stream makes true and a rebuild decides again."""

from __future__ import annotations

from typing import Any

import pytest

from ariane.workspace import Workspace
from tests.api.conftest import DAY_ZERO, Client, problem, settle, take_in, written

A, B = "user_id:buyer-1", "email:Buyer-2@Example.org"
WHO = {"actor": "nina", "reason": "She called and said so"}


def test_a_merge_and_a_split_hold_once_the_stream_has_them(own_town: tuple[Workspace, Client]) -> None:
    workspace, client = own_town
    take_in(workspace, [written(900, "Product Viewed", DAY_ZERO, cookie="c-visitor")])
    before = client.get("/api/journeys/map")["n_persons"]
    pair = {"a": "email:Buyer-2@Example.org", "b": "cookie:c-visitor"}
    said = client.post("/api/people/merge", pair | WHO).json()
    assert (said["event"], said["a"]) == ("Persons Merged", {"kind": "email", "value": "buyer-2@example.org"})
    assert (said["actor"], said["reason"], said["rule"]) == (WHO["actor"], WHO["reason"], "")
    assert not client.get("/api/explain", **pair)["same"]
    settle(workspace)
    merged = client.get("/api/explain", **pair)
    assert merged["same"] and [tie["rule"] for tie in merged["path"]] == ["manual"]
    assert client.get("/api/people")["total"] == 16
    assert client.get("/api/journeys/map")["n_persons"] == before - 1  # the answer kept from before is not given again

    client.post("/api/people/split", pair | WHO)
    settle(workspace)
    parted = client.get("/api/explain", **pair)
    assert (parted["same"], parted["because"]) == (False, "separated")
    assert client.get("/api/people")["total"] == 17
    decided = client.get("/api/identity")["decisions"][0]
    assert (decided["verb"], decided["actor"]) == ("split", "nina")
    assert "c-visitor" in (decided["a"]["value"], decided["b"]["value"])


def test_what_a_decision_would_do_is_what_it_does_and_can_be_taken_back(own_town: tuple[Workspace, Client]) -> None:
    workspace, client = own_town
    pair = {"a": "cookie:c-4", "b": "user_id:buyer-4"}

    def holders() -> set[str]:
        people = (client.get(f"/api/people/{one}") for one in pair.values())
        return {f"{one['person_id']}:{len(one['identifiers'])}" for one in people}

    start = holders()
    for do, back in (("retract", "restore"), ("split", "lift")):
        foreseen = client.get("/api/preview", do=do, **pair)
        assert len(foreseen["before"]) == len(foreseen["n_consents_before"]) == 1
        client.post(f"/api/people/{do}", pair | WHO)
        settle(workspace)
        assert holders() == {f"{part['person_id']}:{len(part['identifiers'])}" for part in foreseen["after"]} != start
        again = client.get("/api/preview", do=back, **pair)
        client.post(f"/api/people/{back}", pair | WHO)
        settle(workspace)
        assert holders() == {f"{part['person_id']}:{len(part['identifiers'])}" for part in again["after"]} == start
    assert client.get("/api/preview", do="lift", **pair)["after"] == []


def test_evidence_retracted_counts_no_more(own_town: tuple[Workspace, Client]) -> None:
    workspace, client = own_town
    assert client.get("/api/explain", a="cookie:c-4", b="user_id:buyer-4")["same"]
    preview = workspace.people.preview("cookie:c-4", "user_id:buyer-4")
    assert [[str(one) for one in leaves] for leaves in preview.leaves] == [["cookie:c-4"]]
    body = {"a": "cookie:c-4", "b": "user_id:buyer-4", "rule": "login", **WHO}
    assert client.post("/api/people/retract", body).json()["rule"] == "login"
    settle(workspace)
    assert client.get("/api/explain", a="cookie:c-4", b="user_id:buyer-4")["because"] == "no_evidence"


def test_a_decision_is_in_the_log_with_its_actor_and_reason(own_town: tuple[Workspace, Client]) -> None:
    workspace, client = own_town
    said = client.post("/api/people/merge", {"a": A, "b": B, **WHO}).json()
    settle(workspace)
    rows = workspace.sql(f"SELECT source, event, properties FROM events WHERE event_id = '{said['event_id']}'")
    (row,) = rows.to_dicts()
    assert (row["source"], row["event"]) == ("_ariane", "Persons Merged")
    assert WHO["actor"] in row["properties"] and WHO["reason"] in row["properties"]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("merge", {"a": A, "b": B}, 400, "actor"),
        ("merge", {"a": A, "b": B, "actor": "nina", "reason": ""}, 400, "reason"),
        ("merge", {"a": A, "b": B, "actor": "nina", "reason": "   "}, 400, "needs its reason"),
        ("merge", {"a": A, "b": B, "actor": " ", "reason": "x"}, 400, "needs its actor"),
        ("merge", {"a": A, "b": B, "actor": "nina", "reason": "x" * 501}, 400, "500"),
        ("merge", {"a": A, "b": A, **WHO}, 400, "twice"),
        ("merge", {"a": "nina", "b": B, **WHO}, 400, "kind:value"),
        ("merge", {"a": A, "b": 7, **WHO}, 400, "str"),
        ("merge", {"a": A, "b": B, "c": "x", **WHO}, 400, "Allowed: a, b, actor, reason"),
        ("merge", {"a": A, "b": "email:nobody@example.org", **WHO}, 404, "never seen"),
        ("merge", {"a": A, "b": B, "actor": "a\0b", "reason": "x"}, 400, "NUL"),
        ("split", {"a": A, "b": "email:nobody@example.org", **WHO}, 404, "never seen"),
        ("retract", {"a": A, "b": B, "rule": "guess", **WHO}, 400, "rule"),
        ("merge", [1, 2], 400, "JSON object"),
        ("merge", {"a": "x" * 70_000}, 400, "too long"),
    ],
)
def test_a_decision_that_cannot_be_taken_writes_nothing(
    town: Workspace, client: Client, path: str, body: Any, status: int, said: str
) -> None:
    found, _, message = problem(client.post(f"/api/people/{path}", body))
    assert found == status and said in message
    assert town.stores.log.end("console") == 0


def test_only_json_from_here_or_from_a_program_changes_anything(client: Client, town: Workspace) -> None:
    body = {"a": A, "b": "user_id:nobody", **WHO}
    for origin in ("http://evil.test", "https://localhost.evil", "null", "http://"):
        assert problem(client.post("/api/people/merge", body, origin=origin))[:2] == (403, "foreign_origin")
    # Let in, these get as far as looking for the person.
    assert client.post("/api/people/merge", body, origin="http://localhost").status_code == 404
    assert client.post("/api/people/merge", body).status_code == 404
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""):
        answer = client.ask("POST", "/api/people/merge", content=b"{}", headers={"content-type": kind})
        assert problem(answer)[0] == 400
    for content in (b"", b"{", b"\xff", b'"\\ud800"', b"[" * 60_000):
        answer = client.ask("POST", "/api/people/merge", content=content, headers={"content-type": "application/json"})
        assert problem(answer)[0] == 400
    assert town.stores.log.end("console") == 0


def test_while_another_process_writes_the_decision_waits_and_then_says_so(
    own_town: tuple[Workspace, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, client = own_town
    monkeypatch.setattr("ariane.opened.HELD_S", 0.1)
    with workspace.stores.log.writer("console"):
        answer = client.post("/api/people/merge", {"a": A, "b": B, **WHO})
        assert problem(answer)[:2] == (409, "conflict")
    assert client.post("/api/people/merge", {"a": A, "b": B, **WHO}).status_code == 200


def test_the_next_best_action_and_its_effect_are_asked_of_the_workspace(town: Workspace) -> None:
    decision = town.decide("user_id:buyer-1")
    assert decision == town.decide(town.people.person("email:buyer-1@example.org").person_id)
    assert decision.why and all(one.conditions for one in decision.why)
    assert [row["arm"] for row in town.measure.effect("delivery_apology").to_dicts()] == ["act", "holdout"]
    assert [row["frequency"] for row in town.predict.score().to_dicts()] == [0] * 14
