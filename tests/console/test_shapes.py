"""What is drawn and written stays within what was measured, and gives nobody away."""

from __future__ import annotations

import csv
import io
import re

from hypothesis import given
from hypothesis import strategies as st

from ariane.console import graph, masking, shapes, sheets
from ariane.console.tongue import Tongue

VALUES = st.lists(st.floats(-2, 2), min_size=2, max_size=20)


@given(VALUES)
def test_a_curve_never_leaves_its_values(values: list[float]) -> None:
    path = shapes.smooth([(float(i * 10), value) for i, value in enumerate(values)])
    heights = [float(y) for _, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]
    assert min(values) - 0.06 <= min(heights) and max(heights) <= max(values) + 0.06


@given(st.text())
def test_no_cell_is_a_formula(text: str) -> None:
    cell = sheets.guarded(text)
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.removeprefix("'") == text.removeprefix("'")


@given(st.text(), st.text())
def test_a_sheet_reads_back(one: str, two: str) -> None:
    one, two = (text.replace("\r", " ").replace("\x00", " ") for text in (one, two))
    body = bytes(sheets.sheet("t", ("a", "b"), [(one, two)]).body).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(body, newline="")))
    assert [cell.removeprefix("'") for cell in rows[1]] == [one.removeprefix("'"), two.removeprefix("'")]


@given(st.from_regex(r"[a-z]{3,12}\.[a-z]{3,12}@[a-z]{4,12}\.(org|fr|com)", fullmatch=True))
def test_a_masked_address_cannot_be_read(address: str) -> None:
    name, _, place = address.partition("@")
    shown = masking.identifier("email", address)
    assert name not in shown and place not in shown
    assert address not in masking.comment(f"Write to {address}, please.")


@given(st.lists(st.integers(0, 200), min_size=2, max_size=80, unique=True), st.randoms(use_true_random=False))
def test_a_picture_is_the_same_however_its_evidence_is_listed(keys: list[int], random: object) -> None:
    names = [str(key) for key in keys]
    ties = [(names[i // 2], names[i], "weak" if i % 2 else "login", "live") for i in range(1, len(names))]
    shuffled = list(ties)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = graph.picture(names, ties), graph.picture(names, shuffled)
    assert one.nodes == other.nodes
    assert len(one.nodes) + one.n_left_out == len(names)


@given(st.floats(-1e9, 1e9), st.integers(0, 3))
def test_numbers_are_said_alike_in_both_languages(value: float, digits: int) -> None:
    def plain(said: str) -> str:
        return re.sub(r"[^0-9−]", "", said)

    assert plain(Tongue("en").number(value, digits)) == plain(Tongue("fr").number(value, digits))
