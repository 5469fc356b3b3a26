"""A small town, made the way every workspace is: settings, log, stream, lake; and a client of its API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from ariane import api, ingest, settings
from ariane.processes import columnar, stream
from ariane.workspace import Workspace, iso

DAY_ZERO = 1_767_225_600_000_000
MINUTE, DAY = 60_000_000, 86_400_000_000
N_BUYERS = 14
REFUSES = "withheld"
HOSTILE = "<script>alert('ü') -- \"; DROP TABLE events; {{7*7}} \\u0000 %s 🙂"

JOURNEY = """
name = { en = "Purchase", fr = "Achat" }
goal = "pays"
[[steps]]
key = "looks"
stage = "consideration"
events = ["Product Viewed"]
[[steps]]
key = "pays"
stage = "conversion"
events = ["Order Completed"]
[[steps]]
key = "answers"
stage = "evaluation"
events = ["Survey Answered"]
"""


def written(nth: int, name: str, at_us: int, **fields: Any) -> bytes:
    """One log record of a person known by `user`, on `channel`, with properties."""
    user, channel = fields.pop("user", None), fields.pop("channel", "web")
    kind, cookie = fields.pop("type", "track"), fields.pop("cookie", None)
    return ingest.encode(
        ingest.Record(
            source="default", message_id=f"m-{nth}", type=kind, received_us=at_us + 1000, timestamp=iso(at_us),
            event=name if kind == "track" else None, user_id=user, anonymous_id=cookie, properties=fields,
            context={"channel": channel},
        )
    )  # fmt: skip


def lived() -> list[bytes]:
    """Buyers who look, pay and answer, each by three names; one who refuses to be measured; one of hostile strings."""
    said: list[bytes] = []

    def add(name: str, at_us: int, **fields: Any) -> None:
        said.append(written(len(said), name, at_us, **fields))

    for n in range(N_BUYERS):
        user, start = f"buyer-{n}", DAY_ZERO + n * DAY
        add("", start - MINUTE, user=user, cookie=f"c-{n}", type="identify", email=f"{user}@example.org")
        add("Product Viewed", start, cookie=f"c-{n}", product_id="lamp", category="light")
        add("Product Viewed", start + MINUTE, user=user, channel="app", product_id="lamp")
        add("Order Completed", start + 2 * MINUTE, user=user, order_id=f"o-{n}", revenue=10 + n, currency="EUR")
        score = {"survey_id": "s", "question": "nps", "score": n % 11, "kind": "relational", "comment": HOSTILE}
        add("Survey Answered", start + 3 * MINUTE, user=user, channel="email", **score)
    add("", DAY_ZERO, user=REFUSES, cookie="c-withheld", type="identify", email="withheld@example.org")
    add("Product Viewed", DAY_ZERO + MINUTE, user=REFUSES, product_id="lamp")
    add("Order Completed", DAY_ZERO + 2 * MINUTE, user=REFUSES, order_id="o-withheld", revenue=99, currency="EUR")
    add("Survey Answered", DAY_ZERO + 3 * MINUTE, user=REFUSES, survey_id="s", question="nps", score=0, comment="no")
    add("Consent Withdrawn", DAY_ZERO + 4 * MINUTE, user=REFUSES, purpose="measurement")
    add(HOSTILE, DAY_ZERO + DAY, user=HOSTILE, channel="store", store=HOSTILE, deep={"a_us": 2**62, "b": [1.5, None]})
    return said


def take_in(workspace: Workspace, payloads: list[bytes], partition: str = "web-0") -> None:
    """Into the log, and from there into state and lake."""
    with workspace.stores.log.writer(partition) as writer:
        writer.append(payloads)
    settle(workspace)


def settle(workspace: Workspace) -> None:
    stream.run(workspace.stores)
    columnar.step(workspace.stores)


class Client:
    """Asks the API over ASGI, one request at a time."""

    def __init__(self, workspace: Workspace) -> None:
        self.app = Starlette(routes=[Mount("/api", routes=api.routes(lambda: workspace))])
        self._runner = asyncio.Runner()
        self._runner.get_loop()

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **given)

        return self._runner.run(asked())

    def get(self, path: str, **parameters: Any) -> Any:
        """The answer's JSON, which must be there."""
        answer = self.ask("GET", path, params=parameters)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content)

    def refused(self, path: str, **parameters: Any) -> tuple[int, str, str]:
        """Status, code and message of an answer that must be a refusal."""
        return problem(self.ask("GET", path, params=parameters))

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, json=body, headers=named)

    def close(self) -> None:
        self._runner.close()


def problem(answer: httpx.Response) -> tuple[int, str, str]:
    said = answer.json()
    assert set(said) == {"code", "message"}
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, said["code"], said["message"]


def make(path: Path, *, served: bool = False) -> Workspace:
    settings.create(path, name="Town")
    (path / "journey.toml").write_text(JOURNEY, encoding="utf-8")
    workspace = Workspace(path, served=served)
    take_in(workspace, lived())
    return workspace


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The town, to be read only."""
    with make(tmp_path_factory.mktemp("api") / "town", served=True) as workspace:
        yield workspace


@pytest.fixture(scope="session")
def client(town: Workspace) -> Iterator[Client]:
    one = Client(town)
    yield one
    one.close()


@pytest.fixture
def own_town(tmp_path: Path) -> Iterator[tuple[Workspace, Client]]:
    """A town of the test's own, to be written to."""
    with make(tmp_path / "town") as workspace:
        one = Client(workspace)
        yield workspace, one
        one.close()
