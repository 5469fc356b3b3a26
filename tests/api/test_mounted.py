"""The API where it is served: beside the console's screens, asked by many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from ariane.console import create_app
from ariane.workspace import Workspace
from tests.api.conftest import make, problem


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with make(tmp_path_factory.mktemp("mounted") / "town") as workspace:
        yield workspace.path


async def _ask(app: Starlette, *asked: tuple[str, str, dict[str, str]]) -> list[httpx.Response]:
    """All of these at the same time."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://ariane.test") as client:
        return await asyncio.gather(*(client.request(how, path, headers=headers) for how, path, headers in asked))


def test_the_console_serves_it_with_its_headers_and_leaves_its_posts_to_it(served: Path) -> None:
    app = create_app(served)
    json = {"content-type": "application/json"}
    answers = asyncio.run(
        _ask(
            app,
            ("GET", "/api/workspace", {}),
            ("GET", "/api/openapi.json", {}),
            ("POST", "/api/people/merge", json),
            ("POST", "/api/people/merge", json | {"origin": "http://evil.test"}),
            ("GET", "/api/nothing", {}),
        )
    )
    app.state.desk.close()
    assert [answer.status_code for answer in answers] == [200, 200, 400, 403, 404]
    assert all(answer.headers["content-type"] == "application/json" for answer in answers)
    assert answers[0].headers["cache-control"] == "no-store"
    assert answers[0].headers["x-content-type-options"] == "nosniff"
    assert problem(answers[3])[1] == "foreign_origin"


def test_many_ask_at_once_and_all_are_answered(served: Path) -> None:
    app = create_app(served)
    paths = [
        "/api/people", "/api/journeys/map", "/api/journeys/paths", "/api/segments", "/api/voice/scores",
        "/api/relations/events", "/api/relations/sessions", "/api/events/recent", "/api/people/user_id:buyer-1/events",
        "/api/journeys/sessions", "/api/workspace", "/api/attribution/credit",
    ]  # fmt: skip
    answers = asyncio.run(_ask(app, *(("GET", path, {}) for path in paths * 2)))
    app.state.desk.close()
    assert {(answer.url.path, answer.status_code) for answer in answers} == {(path, 200) for path in paths}
    by_path: dict[str, set[bytes]] = {}
    for answer in answers:
        by_path.setdefault(answer.url.path, set()).add(answer.content)
    assert all(len(said) == 1 for said in by_path.values())


def test_one_workspace_serves_several_threads(served: Path) -> None:
    with Workspace(served) as workspace, ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda _: workspace.journeys.map().n_persons, range(12)))
    assert len(set(found)) == 1
