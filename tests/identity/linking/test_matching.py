"""Records are read from events, linked, tied through the log, and never against what a person decided."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

import ariane
from ariane import consent, identity, processes
from ariane.console import create_app
from ariane.errors import InputError, NotFound
from ariane.identity import matching
from ariane.identity.linking import Column, read
from ariane.identity.linking.training import _sessions
from ariane.identity.matching import Linkage, Pair
from ariane.identity.matching.queue import FILE
from ariane.identity.stored import edges
from ariane.workspace import Workspace
from tests.cli.test_commands import Ran
from tests.partner_file import people, shop

N_BOTH, N_ONLY = 120, 30


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with ariane.open(shop(tmp_path_factory.mktemp("linkage") / "shop", N_BOTH, N_ONLY)) as opened:
        yield opened


def right(pair: Pair) -> bool:
    return {pair.a.kind, pair.b.kind} == {"user_id", "partner_id"} and pair.a.value[1:] == pair.b.value[1:]


def linked(ws: Workspace) -> list[tuple[str, float]]:
    with ws.stores.state.read() as conn:
        rows = conn.execute(sa.select(edges.c.status, edges.c.trust).where(edges.c.rule == "linked"))
        return [(row[0], row[1]) for row in rows]


def test_what_is_alike_is_tied_through_the_log_once_and_never_what_somebody_parted(ws: Workspace) -> None:
    with pytest.raises(NotFound, match="ariane link"):
        ws.linkage.known({"given": "Ana"})
    found = ws.linkage.look()
    assert all(right(one) for one in found.merged) and len(found.merged) > N_BOTH / 3
    assert found.n_records == 2 * (N_BOTH + N_ONLY) and found.words()[0].startswith("300 records read for measurement")
    assert {reason.column for reason in found.merged[0].reasons} >= {"prior", "born"}
    one, parted = found.merged[0], found.merged[-1]
    ws.people.split(parted.a, parted.b, actor="nina", reason="review")
    processes.catch_up(ws.stores)
    rows = linked(ws)
    assert len(rows) == len(found.merged) and all(trust >= 0.99 for _, trust in rows)
    assert sorted(status for status, _ in rows)[-2:] == ["live", "refused"]
    assert ws.people.person(str(one.a)).person_id == ws.people.person(str(one.b)).person_id
    kept = (ws.path / FILE).read_bytes()
    again = Ran("link", "--check", "--json", workspace=ws.path).document
    assert again["merged"] == [] and again["n_answers"] == 1 and (ws.path / FILE).read_bytes() == kept
    assert {parted.a.value, parted.b.value} not in [{one["a"]["value"], one["b"]["value"]} for one in again["reviews"]]
    assert ws.people.person(str(parted.a)).person_id != ws.people.person(str(parted.b)).person_id


def test_a_record_s_person_is_known_by_what_it_says(ws: Workspace) -> None:
    one = matching.kept(ws.path)
    assert one is not None and one.n_records
    said = people(1)[0]
    record = {
        "given": said["first_name"],
        "family": said["last_name"],
        "born": said["birth_date"],
        "town": said["town"],
    }
    asked = {"record": record, "lowest": 0.0}
    with httpx.Client(transport=_Here(ws.path), base_url="http://localhost") as client:
        answer = client.post("/api/known", json=asked, headers={"content-type": "application/json"})
        searched = client.get("/people", params={"q": f"{record['given']} {record['family']}, {record['town']}"})
    best = json.loads(answer.content)["candidates"][0]
    assert answer.status_code == 200 and best["person_id"] == ws.people.person("user_id:u0").person_id
    assert searched.status_code in (200, 202)
    with pytest.raises(InputError, match="No column 'shoe'"):
        ws.linkage.known({"shoe": "42"})


def test_who_refuses_the_purpose_is_not_read(ws: Workspace) -> None:
    linkage = Linkage.of(ws.path)
    refusing = ws.population("marketing")
    with ws.stores.state.read() as conn:
        assert not matching.records(conn, refusing, linkage, identity.rules_of(ws.path)).rows, "nobody consented"
        everybody = consent.population(ws.engine, linkage.purpose)
        assert len(matching.records(conn, everybody, linkage, identity.rules_of(ws.path)).rows) == 300


def test_the_file_says_which_fields_are_read(tmp_path: Path) -> None:
    (tmp_path / "linkage.toml").write_text('purpose = "research"\n[columns.born]\nfields = []\n[columns.badge]\n'
                                           'meaning = "code"\nfields = ["badge"]\n', encoding="utf-8")  # fmt: skip
    read = Linkage.of(tmp_path)
    names = [column.name for column in read.compared()]
    assert read.purpose == "research" and "born" not in names and "badge" in names and "name" not in names
    for wrong, said in (
        ("at_least = 0", "at_least"),
        ('[columns.x]\nmeaning = "shoe"', "shoe"),
        ("purpose", "linkage.toml"),
    ):
        (tmp_path / "linkage.toml").write_text(wrong, encoding="utf-8")
        with pytest.raises(InputError, match=said):
            Linkage.of(tmp_path)


def test_few_towns_and_names_of_many_teach_nothing() -> None:
    """What is left of two towns are their misspellings, and a name that hundreds share pairs strangers."""
    n = 1_000
    said: dict[str, list[object]] = {
        "town": [("Lyon", "Nantes")[k % 2] if k % 10 else f"Lyn{k % 40}" for k in range(n)],
        "born": [f"{1940 + k // 12 % 60}-{k % 12 + 1:02}-01" for k in range(n)],
        "family": [("Martin", "Durand", "Petit")[k % 3] for k in range(n)],
    }
    means = {"town": "place", "born": "date", "family": "family"}
    rules = list(_sessions(read(said, [Column(name, means[name]) for name in said])))
    assert len(rules) == 1 and '"born"' in rules[0]


class _Here(httpx.BaseTransport):
    """The console in this process."""

    def __init__(self, path: Path) -> None:
        from tests.console.test_deciding import Here

        self._inner = Here(create_app(path))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()
