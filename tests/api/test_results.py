"""Every question asked in Python answers in the same five forms, and says what was run for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ariane.result import Tabular
from ariane.workspace import Workspace
from tests.api.conftest import N_BUYERS

REASON = {"actor": "test", "reason": "a test"}
QUESTIONS: dict[str, Callable[[Workspace], Any]] = {
    "people.find": lambda ws: ws.people.find("buyer"),
    "people.page": lambda ws: ws.people.page(),
    "people.person": lambda ws: ws.people.person("user_id:buyer-1"),
    "people.timeline": lambda ws: ws.people.timeline("user_id:buyer-1"),
    "people.explain": lambda ws: ws.people.explain("user_id:buyer-1", "cookie:c-1"),
    "people.changes": lambda ws: ws.people.changes(),
    "people.preview": lambda ws: ws.people.preview("user_id:buyer-1", "cookie:c-1"),
    "people.foresee": lambda ws: ws.people.foresee("split", "user_id:buyer-1", "cookie:c-1"),
    "journeys.map": lambda ws: ws.journeys.map(),
    "journeys.sessions": lambda ws: ws.journeys.sessions(),
    "journeys.touchpoints": lambda ws: ws.journeys.touchpoints(),
    "journeys.funnel": lambda ws: ws.journeys.funnel(),
    "journeys.paths": lambda ws: ws.journeys.paths(),
    "journeys.frictions": lambda ws: ws.journeys.frictions(),
    "voice.scores": lambda ws: ws.voice.scores(),
    "voice.responses": lambda ws: ws.voice.responses(),
    "attribution.credit": lambda ws: ws.attribution.credit(),
    "segments.counts": lambda ws: ws.segments.counts(),
    "segments.members": lambda ws: ws.segments.members("buyers"),
    "predict.score": lambda ws: ws.predict.score(),
    "measure.effect": lambda ws: ws.measure.effect("nothing"),
    "decide": lambda ws: ws.decide("user_id:buyer-1"),
    "sql": lambda ws: ws.sql("SELECT count(*) AS n FROM events"),
}
WRITTEN: dict[str, Callable[[Workspace], Any]] = {
    "people.merge": lambda ws: ws.people.merge("user_id:buyer-1", "cookie:c-2", **REASON),
    "people.split": lambda ws: ws.people.split("user_id:buyer-1", "cookie:c-3", **REASON),
    "people.retract": lambda ws: ws.people.retract("user_id:buyer-1", "cookie:c-1", **REASON),
    "people.lift": lambda ws: ws.people.lift("user_id:buyer-1", "cookie:c-3", **REASON),
    "people.restore": lambda ws: ws.people.restore("user_id:buyer-1", "cookie:c-1", **REASON),
}
NO_QUESTION = {"people.identifier"}


def test_every_question_is_asked_here() -> None:
    rooms = [name for name, held in inspect.getmembers(Workspace) if isinstance(held, property)]
    found = set()
    for room in rooms:
        kind = getattr(Workspace, room).fget.__annotations__["return"]
        verbs = getattr(__import__("ariane.rooms", fromlist=["rooms"]), kind, None)
        if verbs is not None:
            found |= {f"{room}.{name}" for name in vars(verbs) if not name.startswith("_")}
    assert found - NO_QUESTION == {name for name in (QUESTIONS | WRITTEN) if "." in name}


def whole(answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(answer, Tabular)
    rows = answer.to_arrow()
    assert rows.column_names or rows.num_rows == 0
    for form, frame in (("polars", answer.to_polars), ("pandas", answer.to_pandas)):
        if find_spec(form) is not None:  # neither is needed to run
            assert list(frame().columns) == rows.column_names
    answer.show()
    assert capsys.readouterr().out
    assert "SELECT" in answer.sql and answer.queries
    for name, text in answer.queries.items():
        assert text in answer.sql and name
        assert len(answer.queries) == 1 or f"-- {name}\n" in answer.sql


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_answer_has_its_five_forms(town: Workspace, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    whole(QUESTIONS[name](town), capsys)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_decision_has_them_too(own_town: Any, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    whole(WRITTEN[name](own_town[0]), capsys)


@pytest.mark.parametrize("name", ["journeys.map", "journeys.funnel", "journeys.frictions", "segments.counts"])
def test_the_sql_runs_and_gives_what_was_found(town: Workspace, name: str) -> None:
    answer = QUESTIONS[name](town)
    assert len(answer.queries) > 1, "several questions, each by its name"
    noted = vars(answer)["_noted"]
    for text, (_, asked) in zip(answer.queries.values(), noted._asked, strict=False):
        rows, again = town.duck.run(asked).to_pylist(), town.duck.sql(text).to_pylist()
        assert sorted(rows, key=str) == sorted(again, key=str), "the SQL shown is not what was run"
    counted = QUESTIONS["segments.counts"](town)
    assert town.duck.sql(counted.queries["count"]).to_pylist()[0]["n"] == next(iter(counted.values()))


def test_what_was_asked_is_no_part_of_the_answer(town: Workspace) -> None:
    one, other = town.journeys.map(), town.journeys.map()
    assert one == other and one.sql == other.sql
    assert town.segments.counts() == dict(town.segments.counts())
    assert len(town.people.find("buyer", limit=5)) == 5 and town.people.page().to_arrow().num_rows >= N_BUYERS


def test_the_state_s_sql_holds_no_value_of_anybody(town: Workspace, tmp_path: Path) -> None:
    assert "buyer-1" not in town.people.person("user_id:buyer-1").sql
    with pytest.raises(duckdb.Error):
        town.duck.sql(town.people.person("user_id:buyer-1").sql)
