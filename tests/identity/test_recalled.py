"""What is recalled from batch to batch spares reads and changes no answer: not after a failure, nor another writer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane import consent, identity
from ariane.consent.memory import Recall as Consents
from ariane.identity.memory import Recall as Persons
from ariane.identity.rules import Rules
from ariane.identity.steering import resolve_all
from ariane.identity.stored import person_changes, rulings
from ariane.model import Event
from identity.test_any_order import HISTORY, RULES, cut
from identity.town import Town, event

BETWEEN = st.sampled_from(["", "", "", "fails", "other writer", "solved again"])


class Recalling(Town):
    """A town that absorbs with what it recalls."""

    def __init__(self, rules: Rules | None, most: int) -> None:
        super().__init__(rules)
        self.persons, self.consents = Persons(), Consents()
        self.persons.MOST = self.consents.MOST = most  # type: ignore[misc]

    def recall(self, *events: Event, fails: bool = False) -> None:
        with self.state.begin() as conn:
            changes = identity.absorb(conn, events, self.rules, self.persons)
            consent.absorb(conn, events, changes, recall=self.consents)
            if fails:
                raise ZeroDivisionError


@settings(max_examples=60, deadline=None)
@given(
    HISTORY,
    st.randoms(use_true_random=False),
    st.lists(st.tuples(st.integers(0, 6), BETWEEN), max_size=30),
    st.booleans(),
    st.sampled_from([0, 3, 200_000]),
)
def test_recalling_gives_the_same_tables(history, random, steps, own_rules, most) -> None:
    rules = RULES if own_rules else None
    shuffled = list(history)
    random.shuffle(shuffled)
    cold, warm = Town(rules), Recalling(rules, most)
    batches = cut(shuffled, [size for size, _ in steps])
    for batch, between in zip(batches, [*[between for _, between in steps], ""], strict=True):
        if between == "fails":
            with pytest.raises(ZeroDivisionError):
                warm.recall(*batch, fails=True)
        if between == "other writer":
            warm.absorb(*batch)
        else:
            warm.recall(*batch)
        cold.absorb(*batch)
        if between == "solved again":
            for town in (cold, warm):
                with town.state.begin() as conn:
                    resolve_all(conn, rules)
    assert warm.standing() == cold.standing()
    for table in (rulings, person_changes):
        assert warm.rows(table) == cold.rows(table)


def test_a_batch_undone_leaves_nothing_recalled() -> None:
    town, twin = Recalling(None, 200_000), Town()
    first, second = event(1, cookie="c", user_id="u"), event(2, cookie="c", user_id="u", email="a@x.org")
    town.recall(first)
    with pytest.raises(ZeroDivisionError):
        town.recall(second, fails=True)
    town.recall(second)
    twin.absorb(first)
    twin.absorb(second)
    assert town.standing() == twin.standing()


def test_a_person_grown_from_what_is_recalled_is_whole() -> None:
    town = Recalling(None, 200_000)
    yes = {"consent": {"categoryPreferences": {"marketing": True}}}
    for n in range(1, 9):
        town.recall(event(n, cookie=f"c{n}", user_id="u", context=yes))
    marketing = consent.permit("marketing", actor="test")
    with town.read() as conn:
        listed = identity.people(conn, consent.permit("service", actor="test"))
        assert listed.total == 1
        assert consent.allowed(conn, marketing, listed.rows[0].person_id)
