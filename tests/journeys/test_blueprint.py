"""A journey file: read, written back, and every mistake answered with where it is and what was allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.errors import InputError, NotFound
from ariane.journeys import Journey, load_journey
from ariane.journeys.blueprint import Desired, Step, read_journey, say
from ariane.model import STAGES
from tests.journeys import town

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
localised = st.one_of(texts, st.fixed_dictionaries({"en": texts, "fr": texts}))
keys = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@st.composite
def journeys(draw: st.DrawFn) -> Journey:
    names = draw(st.lists(keys, min_size=1, max_size=5, unique=True))
    stages = sorted(draw(st.lists(st.sampled_from(STAGES), min_size=len(names), max_size=len(names))), key=STAGES.index)
    steps = tuple(
        Step(
            key=name,
            stage=stage,
            events=tuple(draw(st.lists(texts, min_size=1, max_size=3))),
            name=draw(localised),
            where=draw(
                st.dictionaries(
                    st.sampled_from(["channel", "store", "device_type", "resolved"]),
                    st.lists(st.one_of(texts, st.booleans(), st.integers(-9, 9)), min_size=1, max_size=2).map(tuple),
                    max_size=2,
                )
            ),
            occurrence=draw(st.sampled_from(["any", "first", "again"])),
            elements=tuple(draw(st.lists(st.sampled_from(["sensory", "cognitive"]), max_size=2))),
            frontstage=draw(localised),
            desired=draw(st.one_of(st.none(), st.builds(Desired, emotion=st.floats(-2, 2)))),
        )
        for name, stage in zip(names, stages, strict=True)
    )
    return Journey(
        name=draw(localised),
        goal=draw(st.sampled_from([*names, ""])),
        rows=draw(st.sampled_from(["channel", "store", "channels"])),
        window_days=draw(st.integers(1, 90)),
        proposed=draw(st.booleans()),
        steps=steps,
    )


@given(journeys())
@settings(max_examples=100, deadline=None)
def test_a_journey_written_and_read_is_the_same_journey(journey: Journey) -> None:
    assert read_journey(journey.to_toml()) == journey


def test_texts_come_in_the_language_asked_for_or_the_next_best() -> None:
    step = town.journey().step("visits_store")
    assert (step.label("fr"), step.label("en"), step.label("de")) == (
        "Visite la boutique",
        "Visits the store",
        "Visits the store",
    )
    assert town.journey().step("pays").label("fr") == "Pays"
    assert say({}, "fr") == ""


@pytest.mark.parametrize(
    ("find", "put", "line", "told"),
    [
        ('stage = "before"', 'stage = "befor"', 8, "did you mean 'before'? Allowed: before, consideration"),
        ('events = ["Products', 'evnts = ["Products', 14, "steps[2].evnts: unknown field: did you"),
        ("where = { channel", "where = { chanel", 26, "did you mean 'channel'?"),
        ('goal = "pays"', 'goal = "pay"', 3, "goal: 'pay' is not one of them: did you mean 'pays'?"),
        ('key = "searches"', 'key = "sees_campaign"', 12, "names step 1 already"),
        ('key = "searches"', 'key = "Sees it"', 12, "cannot be a key"),
        ('events = ["Order Completed"]', 'events = "Order Completed"', 36, "Expected `array`, got `str`"),
        ('events = ["Order Completed"]', "events = []", 36, "name at least one event"),
        ('owner = "customer"', 'owner = "client"', 52, "Allowed: brand, partner, customer, other"),
        ('medium = "earned"', 'medium = "earned"\n[steps.desired]\nemotion = "high"', 55, "Expected `float | null`"),
        ('medium = "earned"', 'medium = "earned"\n[steps.desired]\nemotoin = 1.0', 55, "did you mean 'emotion'?"),
        ("window_days = 14", "window_days = 0", 4, "at least one day"),
        ('stage = "loyalty"', 'stage = "before"', 50, "comes before 'evaluation' of the step above"),
        ("window_days = 14", "window_days = = 14", 4, "The file is not TOML"),
        ("window_days = 14", 'window_days = 14\nrows = "colour"', 5, "rows: 'colour' is not one of them"),
    ],
)  # fmt: skip
def test_a_mistake_is_answered_with_its_line_and_what_was_allowed(find: str, put: str, line: int, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read_journey(town.JOURNEY.replace(find, put), "journey.toml")
    assert str(caught.value).startswith(f"journey.toml:{line}: ")
    assert told in str(caught.value)


def test_own_registered_properties_are_columns_too() -> None:
    text = town.JOURNEY.replace("where = { channel", "where = { ward")
    with pytest.raises(InputError, match="ward"):
        read_journey(text)
    assert read_journey(text, properties={"ward": "string"}).step("visits_store").where == {"ward": ("store",)}


def test_no_file_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="--propose"):
        load_journey(tmp_path / "journey.toml")
    (tmp_path / "journey.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        load_journey(tmp_path / "journey.toml")
    (tmp_path / "journey.toml").write_text(town.JOURNEY, encoding="utf-8")
    assert load_journey(tmp_path / "journey.toml") == town.journey()


def test_an_unknown_step_is_named_with_the_ones_there_are() -> None:
    with pytest.raises(NotFound, match=r"did you mean 'pays'\?"):
        town.journey().index("pay")
