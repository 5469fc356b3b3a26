"""Who behaves like one person: only suggested, only of those who agreed, and decided by somebody."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

import ariane
from ariane.console import create_app
from ariane.errors import InputError
from ariane.identity import Rules
from ariane.identity.suggesting import Habits, alike, suggest
from ariane.processes import columnar, noticing, stream
from ariane.store import Stores
from tests.console.test_deciding import Here
from tests.processes.living import deliver, workspace

TABLET = ((7, 9, "ana"), (8, 10, "bob"))


def seen(number: int, day: int, ip: str, path: str, agrees: bool = True, at: str = "19:00", **named: Any) -> bytes:
    context: dict[str, Any] = {"ip": ip, "page": {"path": path}}
    if day == 0:
        context["consent"] = {"categoryPreferences": {"cross_device": agrees}}
    return msgspec.json.encode(
        {"type": "page", "messageId": f"m-{number}-{day}", "timestamp": f"2026-03-{day + 1:02d}T{at}:00Z",
         "context": context, **named}
    )  # fmt: skip


def levelled(stores: Stores) -> None:
    stream.run(stores)
    columnar.step(stores)
    noticing.refresh(stores)


def test_a_phone_and_a_laptop_of_one_home_are_suggested_and_never_tied(tmp_path: Path) -> None:
    stores = workspace(tmp_path / "town")
    events = []
    for day in range(4):
        events += [
            seen(1, day, "81.2.3.4", "/lamps", userId="ana"), seen(2, day, " 81.2.3.4", "/lamps", anonymousId="laptop"),
            seen(3, day, "90.1.1.1", "/sofas", userId="bob"), seen(4, day, "90.1.1.1", "/sofas", userId="cid"),
            seen(5, day, "77.7.7.7", "/rugs", userId="dan"),
            seen(6, day, "77.7.7.7", "/rugs", agrees=False, anonymousId="tv"),
        ]  # fmt: skip
    # A tablet that two use: ten minutes after ana signed in, somebody looks at something there.
    events += [
        seen(7, 9, "", "/login", userId="ana", anonymousId="tab"),
        seen(8, 10, "", "/", userId="bob", anonymousId="tab"),
    ]
    events.append(seen(9, 9, "", "/looked-at", at="19:10", anonymousId="tab"))
    deliver(stores, events)
    levelled(stores)
    with ariane.open(stores.path) as ws:
        looked = ws.suggestions.look(check=True)
        assert [(str(one.a), str(one.b), one.n_days) for one in looked.rows] in (
            [("user_id:ana", "cookie:laptop", 4)], [("cookie:laptop", "user_id:ana", 4)],
        ), "two accounts are two persons, and who refuses is not compared"  # fmt: skip
        assert ws.suggestions.look().n_new == 1
        with pytest.raises(InputError, match="cross_device"):
            suggest(ws.population("service"), Rules.default())
    levelled(stores)
    assert b"81.2.3.4" not in msgspec.json.encode([row["properties"] for row in stores.lake.read("events").to_pylist()])
    with ariane.open(stores.path) as ws:
        tie = next(tie for tie in ws.people.person("user_id:ana").edges if tie.rule == "suggested")
        assert (
            tie.status == "inert"
            and ws.people.person("cookie:laptop").person_id != ws.people.person("user_id:ana").person_id
        )
        assert ws.suggestions.look().n_new == 0, "said once"
        bob = ws.people.person("user_id:bob").person_id
        shown = page(stores.path, ws.people.person("user_id:ana").person_id)
        assert "on a shared machine, while they were signed in" in shown.partition('id="thread"')[2]
        assert bob in shown.partition("Shares with")[2].partition("</section>")[0]
        suggested = shown.partition("Perhaps the same person")[2].partition("</section>")[0]
        assert ws.people.person("cookie:laptop").person_id in suggested and "on 4 days" in suggested
        assert "do=merge&amp;a=" in suggested
        ws.people.merge(tie.a, tie.b, actor="nina", reason="asked them")
    levelled(stores)
    with ariane.open(stores.path) as ws:
        assert ws.people.person("cookie:laptop").person_id == ws.people.person("user_id:ana").person_id
        assert ws.suggestions.look().rows == ()
    stores.close()


def page(path: Path, person_id: str) -> str:
    app = create_app(path)
    with httpx.Client(transport=Here(app), base_url="http://localhost", headers={"accept-language": "en"}) as client:
        shown = client.get(f"/people/{person_id}").text
    app.state.desk.close()
    return shown


def habits(rng: random.Random, networks: list[str], pages: int) -> Habits:
    one = Habits()
    for day in range(30):
        network = rng.choice(networks)
        one.networks[network] += 1
        one.days[network, day] += 1
        one.pages[rng.randrange(pages, pages + 9)] += 1
        one.hours[rng.randrange(168)] += 1
    return one


def test_homes_of_several_are_not_guessed_at() -> None:
    rng = random.Random(4)
    alone = {f"{who}-{home}": habits(rng, [f"h-{home}", "office"], 10 * home) for home in range(12) for who in "ab"}
    pairs = {(f"a-{home}", f"b-{home}") for home in range(12)}
    found = {(one.a, one.b) for one in alike(alone, frozenset())}
    assert len(found & pairs) >= 10 and found <= pairs
    crowded = {f"{who}-{home}": habits(rng, [f"h-{home}"], 0) for home in range(12) for who in "abcd"}
    assert len(alike(crowded, frozenset())) <= 2, "four alike on one network: nobody stands out"
    assert alike(alone, frozenset(pairs)) == []
    assert alike({"a": Habits(Counter("x"), Counter([("x", 1)])), "b": Habits()}, frozenset()) == []
