"""Machines by name and by what they do: found, and no person taken for one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from ariane.consent import population
from ariane.ingest.bots import is_bot, machine_mark
from ariane.ingest.noise import distance_km, noise
from ariane.model import DAY, MINUTE, SECOND
from ariane.processes import noticing
from ariane.settings import Noise, Place
from ariane.store import DuckEngine, Lake, SparkEngine, Stores
from tests.lake_rows import DAY_ZERO, event, write_lake
from tests.processes.living import deliver, process, town_events, workspace

PLACES = {"Lyon": Place(45.764, 4.8357), "Paris": Place(48.8566, 2.3522), "Confluence": Place(45.741, 4.815)}
AGENTS = {
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": True,
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)": True,
    "Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)": True,
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/140.0.0.0 Safari/537.36": True,
    "DatadogSynthetics": True, "Uptime-Kuma/1.23.11": True, "Checkly/1.0": True, "StatusCake": True,
    "Mozilla/5.0 (Windows NT 6.1) AppleWebKit/537.36 Chrome/90 Safari/537.36 PTST/230301": True,
    "facebookexternalhit/1.1": True, "WhatsApp/2.23": True, "python-requests/2.32": True, "Go-http-client/2.0": True,
    "Mediapartners-Google": True, "heritrix/3.4": True, "sqlmap/1.7": True,
    "Mozilla/5.0 (Linux; Android 14; CUBOT KINGKONG) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36": False,
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15": False,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 [FBAN/FBIOS]": False,
    "Mozilla/5.0 (Linux; Android 15; CPH2557 Build/AP3A.240617.008; wv) AppleWebKit/537.36 Chrome/142.0": False,
    "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)": False, "okhttp/4.12.0": False, "": False,
    "MaisonDedale/3.1 CFNetwork/1490": False,
}  # fmt: skip


@pytest.mark.parametrize(("agent", "machine"), AGENTS.items())
def test_machines_that_say_their_name(agent: str, machine: bool) -> None:
    assert is_bot(agent) is machine


@pytest.mark.parametrize(
    ("context", "mark"),
    [
        ({"userAgent": "curl/8.0"}, "user_agent"),
        ({"webdriver": True}, "automation"),
        ({"bot": True}, "declared"),
        ({"userAgentData": {"brands": [{"brand": "HeadlessChrome", "version": "140"}]}}, "automation"),
        ({"userAgentData": {"brands": [{"brand": "Chromium"}, 5]}, "webdriver": "true", "userAgent": 7}, ""),
        ({"userAgentData": []}, ""),
    ],
)
def test_marks_left_on_an_event(context: dict[str, Any], mark: str) -> None:
    assert machine_mark(context) == mark


def views(person: str, n: int, gap_s: float, *, began_us: int = DAY_ZERO + 600 * MINUTE) -> Iterator[dict[str, Any]]:
    """A page and its product, told at one instant, every `gap_s` seconds."""
    for number in range(n):
        at = began_us + int(number * gap_s * SECOND)
        yield event(person, "Home", at, type="page", path=f"/{number}")
        yield event(person, "Product Viewed", at)


def visits(person: str, *stops: tuple[str, int]) -> Iterator[dict[str, Any]]:
    for store, minute in stops:
        yield event(person, "Order Completed", DAY_ZERO + minute * MINUTE, channel="store", store=store)


LIVED = [
    *views("reader", 200, 20.0),
    *views("hurried", 19, 1.0),  # opened a shelf of tabs
    *views("scraper", 30, 1.0),
    *views("patient scraper", 500, 2.0, began_us=DAY_ZERO + 60 * MINUTE),
    *views("shopper", 60, 15.0), *views("shopper", 25, 1.5, began_us=DAY_ZERO + 900 * MINUTE),  # mostly slow
    *[event("lamp", "Product Used", DAY_ZERO + n * SECOND // 4, channel="object") for n in range(200)],
    *visits("traveller", ("Lyon", 540), ("Paris", 700)),
    *visits("two of them", ("Lyon", 540), ("Paris", 550), ("Lyon", 560)),
    *visits("next door", ("Lyon", 540), ("Confluence", 541)),
    *visits("at home", ("Lyon", 540), ("Nowhere", 541), ("Lyon", 542)),
]  # fmt: skip


def marked(table: pa.Table, lake: Lake) -> set[tuple[str, str]]:
    names = {row["key"]: row["value"] for row in lake.read("identifiers").to_pylist()}
    return {(names[row["subject_key"]], row["reason"]) for row in table.to_pylist()}


FOUND = {("scraper", "pace"), ("patient scraper", "rate"), ("two of them", "speed")}


def test_what_no_person_does_is_found_and_what_persons_do_is_not(tmp_path: Path) -> None:
    lake = write_lake(tmp_path / "lake", LIVED)
    rules = Noise(views_a_minute=29, busy_minutes=10)
    found = noise(DuckEngine(lake), rules, PLACES)
    assert marked(found, lake) == FOUND
    by_reason = {row["reason"]: row for row in found.to_pylist()}
    assert by_reason["pace"]["figure"] == 29 and by_reason["rate"]["figure"] == 30
    assert by_reason["speed"]["figure"] == pytest.approx(distance_km(PLACES["Lyon"], PLACES["Paris"]) * 6, abs=1)
    assert not noise(DuckEngine(lake), rules).filter(pa.compute.field("reason") == "speed").num_rows
    assert marked(noise(DuckEngine(lake), rules, PLACES, days=[]), lake) == set()


def test_the_order_of_the_events_does_not_matter(tmp_path: Path) -> None:
    shuffled = list(LIVED)
    random.Random(4).shuffle(shuffled)
    one, other = write_lake(tmp_path / "a", LIVED), write_lake(tmp_path / "b", shuffled)
    assert noise(DuckEngine(one), Noise(), PLACES).equals(noise(DuckEngine(other), Noise(), PLACES))


@pytest.mark.needs("spark")
def test_both_engines_say_the_same(tmp_path: Path, spark: str) -> None:
    lake = write_lake(tmp_path / "lake", LIVED)
    rules = Noise(views_a_minute=29, busy_minutes=10)
    duck = noise(DuckEngine(lake), rules, PLACES)
    lake.replace("noise", duck)
    engine = SparkEngine(lake, spark)
    assert noise(engine, rules, PLACES).equals(duck)
    events = population(engine, "measurement").events
    assert engine.run(events.aggregate(n=events.count())).to_pylist() == [{"n": 200 * 2 + 19 * 2 + 85 * 2 + 200 + 7}]
    engine.close()


def test_such_a_day_is_left_out_of_what_is_measured(tmp_path: Path) -> None:
    tomorrow = [*views("scraper", 3, 30.0, began_us=DAY_ZERO + DAY)]
    lake = write_lake(tmp_path / "lake", [*views("scraper", 30, 1.0), *views("reader", 5, 20.0), *tomorrow])

    def counted() -> dict[str, int]:
        engine = DuckEngine(lake)
        read = population(engine, "measurement").events
        rows = engine.run(read.group_by("person_id").aggregate(n=read.count())).to_pylist()
        return {row["person_id"]: row["n"] for row in rows}

    assert counted() == {"scraper": 66, "reader": 10}
    lake.replace("noise", noise(DuckEngine(lake), Noise()))
    assert counted() == {"scraper": 6, "reader": 10}
    assert lake.n_rows("events") == 76, "nothing is thrown away"


def test_the_town_has_machines_and_no_person_is_taken_for_one(tmp_path: Path) -> None:
    """The crawlers of the town say what they are. Were they silent, their pace would give them away."""
    stores = workspace(tmp_path / "ws")
    deliver(stores, town_events(400))
    process(stores)
    engine = DuckEngine(stores.lake)
    events = engine.table("events")
    said = events.filter(events.is_bot)
    machines = set(engine.run(said.select("subject_key").distinct()).column(0).to_pylist())
    assert machines and noise(engine, Noise()).num_rows == 0
    silent = _Silent(engine)
    assert set(noise(silent, Noise()).column("subject_key").to_pylist()) == machines
    stores.close()


class _Silent:
    """An engine over events none of which says that it is a machine's."""

    name = "duckdb"

    def __init__(self, engine: DuckEngine) -> None:
        self.engine = engine

    def table(self, name: str) -> ibis.Table:
        table = self.engine.table(name)
        return table.mutate(is_bot=ibis.literal(False)) if name == "events" else table

    def run(self, expression: ibis.Expr) -> pa.Table:
        return self.engine.run(expression)

    def refresh(self) -> bool:
        return False

    def close(self) -> None: ...


def test_the_table_follows_the_events_day_by_day(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "ws")
    assert not noticing.is_behind(stores), "nothing to wait for where nothing is"

    def sent(cookie: str, day: int, n: int) -> list[bytes]:
        return [
            b'{"type":"page","messageId":"%s-%d-%d","anonymousId":"%s","timestamp":"2026-10-%02dT10:00:%02dZ"}'
            % (cookie.encode(), day, second, cookie.encode(), day, second)
            for second in range(n)
        ]

    def follow() -> list[tuple[str, int]]:
        process(stores)
        noticing.refresh(stores)
        assert not noticing.is_behind(stores) and not noticing.refresh(stores)
        rows = stores.lake.read("noise").to_pylist()
        whole = noise(DuckEngine(stores.lake), Noise())
        assert stores.lake.read("noise").sort_by("event_on").equals(whole.sort_by("event_on"))
        return sorted((str(row["event_on"]), row["n_events"]) for row in rows)

    deliver(stores, sent("c-1", 1, 15) + sent("c-2", 2, 40))
    assert follow() == [("2026-10-02", 40)]
    deliver(stores, sent("c-1", 1, 40), partition="web-1")  # fifteen of them again, late
    assert follow() == [("2026-10-01", 40), ("2026-10-02", 40)]
    file = stores.path / "ariane.toml"
    file.write_text(file.read_text() + "\n[noise]\nfast_views = 100\n")
    stores = Stores(stores.path)
    assert noticing.is_behind(stores) and noticing.refresh(stores)
    assert stores.lake.read("noise").num_rows == 0
    stores.close()
