"""Rules are changed with open eyes: what they would do is what they then do, and every version stays on record."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from ariane.errors import Conflict, InputError
from ariane.identity import inforce, rules_of
from ariane.identity.guarding import Difference, apply, broken, difference, proposed, version_of, versions, words
from ariane.identity.rules import Rules, _default_table, read_rules
from ariane.identity.steering import resolve_all
from ariane.identity.stored import edges, identifiers, persons
from identity.test_any_order import HISTORY, RULES
from identity.town import SERVICE, Town, event, town

DEFAULT = _default_table()


def rules(text: str) -> Rules:
    return read_rules(text, "t", DEFAULT)


def compared(held: Town, after: Rules, before: Rules | None = None) -> Difference:
    with held.read() as conn:
        return difference(conn, SERVICE, before or Rules.default(), after)


def family() -> Town:
    """Ana of two addresses, and two who share a tablet."""
    yes = {"consent": {"categoryPreferences": {"marketing": True}}}
    return town(
        event(1, type="identify", user_id="ana", email="a1@x.org"),
        event(2, email="a2@x.org", user_id="ana"),
        event(3, email="a2@x.org", context=yes), event(4, email="a2@x.org"),
        event(5, user_id="ben", device="tablet"), event(6, user_id="cleo", device="tablet"),
    )  # fmt: skip


def test_tighter_rules_say_who_would_be_split_and_what_would_leave() -> None:
    found = compared(family(), rules("[kinds.email]\nblock = ['a2@.*']"))
    assert (found.n_persons_before, found.n_persons_after, found.n_split) == (4, 5, 1)
    assert (found.n_identifiers, found.n_events, found.n_consents) == (1, 2, 1)
    assert [(one.status, one.kind, one.n) for one in found.turned] == [("blocked", "email", 1)]
    assert found.refused == {"observed": 1} and not found.admitted and found.rereads
    assert [str(one) for one in found.changes[0].examples] == ["email:a2@x.org"]
    assert found.as_rows()[0]["cause"] == "split"
    said = words(found)
    assert said[0] == "4 persons would become 5: 0 would be merged into others, 1 split, 0 only renamed."
    assert said[1] == "1 identifiers would change hands, with 2 events and 1 answers about consent."
    assert len(words(found, "fr")) == len(said) and "ariane rebuild" in said[-1]


def test_looser_rules_say_who_would_be_merged() -> None:
    found = compared(family(), rules("[kinds.device]\nshared_after = 3\n[kinds.user_id]\nlimit = 2"))
    assert (found.n_merged, found.n_split, found.admitted) == (3, 0, {"observed": 2})
    assert [(one.status, one.kind) for one in found.turned] == [("live", "device")]
    assert not found.rereads


def test_the_same_rules_change_nobody() -> None:
    found = compared(family(), Rules.default())
    assert words(found) == ("Nobody would change: 4 persons stay as they are.",) and not found.changes


@settings(max_examples=20, deadline=None)
@given(HISTORY)
def test_what_was_foreseen_is_what_happens(history) -> None:
    held = Town()
    held.absorb(*history)
    found = compared(held, RULES)
    before = {row[0]: (row[5], row[8]) for row in held.rows(identifiers)}
    live = {row[0] for row in held.rows(edges) if row[11] == "live"}
    assert found.n_persons_before == len(held.rows(persons)), "nothing is written"
    with held.state.begin() as conn:
        resolve_all(conn, RULES)
    after = {row[0]: row[5] for row in held.rows(identifiers)}
    assert found.n_persons_after == len(held.rows(persons))
    stands = {row[0] for row in held.rows(edges) if row[11] == "live"}
    assert sum(found.refused.values()) == len(live - stands) and sum(found.admitted.values()) == len(stands - live)
    changed = sum(before[key][0] != after[key] for key in after)
    assert (found.n_identifiers == 0 and not found.n_renamed) == (changed == 0)
    assert compared(held, Rules.default(), RULES).n_persons_after == found.n_persons_before


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(inforce, "SETTLED_S", 0.0)
    return tmp_path


def edit(shop: Path, limit: int) -> None:
    (shop / "identity.toml").write_text(f"[kinds.email]\nlimit = {limit}\n[carried.parameters]\n'e.mail' = 'email'\n")


def test_what_was_applied_is_in_force_whatever_identity_toml_says(shop: Path) -> None:
    edit(shop, 3)
    first = apply(shop, proposed(shop), "nina")
    assert (first.number, first.actor, rules_of(shop).kinds["email"].limit) == (1, "nina", 3)
    edit(shop, 4)
    (shop / "ariane.toml").write_text('default_country = "DE"')
    for _ in range(3):
        assert (rules_of(shop).kinds["email"].limit, rules_of(shop).country) == (3, "FR")
    assert proposed(shop).changes == (("country", '"FR"', '"DE"'), ("kinds.email.limit", "3", "4"))
    assert proposed(shop).rereads
    (shop / "identity.toml").write_text("torn =")
    assert rules_of(shop).kinds["email"].limit == 3
    with pytest.raises(InputError, match=r"identity\.toml"):
        proposed(shop)
    edit(shop, 5)
    assert apply(shop, proposed(shop), "ben").number == 2
    assert [(one.number, one.actor, one.rules.kinds["email"].limit) for one in versions(shop)] == [
        (1, "nina", 3), (2, "ben", 5),
    ]  # fmt: skip
    assert apply(shop, proposed(shop), "ben").number == 2, "nothing new is no new version"


def test_a_version_changed_afterwards_is_refused_and_never_gives_way_to_the_one_before(shop: Path) -> None:
    for limit in (3, 4):
        edit(shop, limit)
        apply(shop, proposed(shop), "nina")
    file = shop / "rules" / "0002.toml"
    text = file.read_text()
    for harm in (text.replace("limit = 4", "limit = 9"), text[: len(text) // 2], "", "number ="):
        file.write_text(harm)
        assert version_of(shop).number == 2, "who knew it goes on with it"
        inforce._watched.clear()
        with pytest.raises(InputError, match=r"0002\.toml"):
            version_of(shop)
        assert ["0002.toml" in str(one) for one in broken(shop)] == [True]
        file.write_text(text)
        assert version_of(shop).number == 2
    file.write_text("number =")
    inforce._watched.clear()
    edit(shop, 5)
    assert apply(shop, proposed(shop), "nina").number == 3, "a broken one keeps its number"


def test_two_who_apply_at_once_are_told(shop: Path) -> None:
    edit(shop, 3)
    stale = proposed(shop)
    apply(shop, proposed(shop), "nina")
    with pytest.raises(Conflict, match="not what was looked at"):
        apply(shop, stale, "ben")
    with pytest.raises(InputError, match="Nobody is named"):
        apply(shop, proposed(shop), "  ")
