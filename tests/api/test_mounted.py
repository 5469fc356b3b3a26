"""The API where it is served: beside the console's screens, asked by many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from ariane import settings
from ariane.console import create_app
from ariane.workspace import Workspace
from tests.api.conftest import make, problem


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with make(tmp_path_factory.mktemp("mounted") / "town") as workspace:
        yield workspace.path


async def _ask(app: Starlette, *asked: tuple[str, str, dict[str, str]]) -> list[httpx.Response]:
    """All of these at the same time."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as client:
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


def test_a_name_that_was_made_to_lead_here_reads_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARIANE_BIND_HOST", raising=False)
    key = settings.create(tmp_path / "town").sources["default"].write_key
    file = tmp_path / "town" / "ariane.toml"
    file.write_text('hosts = ["ariane.example.org"]\n' + file.read_text(encoding="utf-8"), encoding="utf-8")
    app = create_app(tmp_path / "town")
    evil = {"host": "evil.test:8600", "origin": "http://evil.test:8600"}
    form = ("POST", "/sources?name=stolen", evil)
    read, posted, programs, file_, *fine = asyncio.run(
        _ask(
            app,
            ("GET", "/sources", evil),
            form,
            ("GET", "/api/people", evil),
            ("GET", "/static/mark.svg", evil),
            *(("GET", "/sources", {"host": host}) for host in ("localhost", "127.0.0.1:8600", "[::1]:8600")),
            ("GET", "/sources", {"host": "Ariane.Example.org"}),
        )
    )
    app.state.desk.close()
    assert {one.status_code for one in (read, posted, programs, file_)} == {421}
    assert "hosts" in read.text and key not in read.text and read.headers["x-frame-options"] == "DENY"
    assert problem(programs)[1] == "misdirected"
    assert [one.status_code for one in fine] == [200] * 4 and key in fine[0].text


def test_who_listens_everywhere_answers_to_any_address_and_to_no_other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIANE_BIND_HOST", "0.0.0.0")
    for host in ("192.168.1.9:8600", "[fe80::1]:8600", "127.0.0.2"):
        settings.check_host(settings.Settings(), host)
    for host in ("evil.test", "1.2.3.4.evil.test", "a@localhost", "[::1", "localhost:x", ":8600", "localhost/"):
        with pytest.raises(settings.Misdirected):
            settings.check_host(settings.Settings(), host)
    monkeypatch.setenv("ARIANE_BIND_HOST", "10.0.0.7")
    settings.check_host(settings.Settings(), "10.0.0.7:8600")
    with pytest.raises(settings.Misdirected):
        settings.check_host(settings.Settings(), "10.0.0.8:8600")


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
