"""The labelled record sets, and how well a grouping fits what is known of them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ariane.identity.linking import Column

FAKE = [
    Column("first_name", "given"), Column("surname", "family"), Column("dob", "date"), Column("city", "place"),
    Column("email", "email"),
]  # fmt: skip


def fake_1000(folder: Path) -> tuple[dict[str, list[str | None]], list[str]]:
    """The records by column, and whose each is."""
    with (folder / "fake_1000.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {c.name: [row[c.name] or None for row in rows] for c in FAKE}, [row["cluster"] for row in rows]


def pairwise(found: Sequence[object], truth: Sequence[object]) -> tuple[float, float, float]:
    """F1, precision and recall of the pairs put together (Menestrina, Whang & Garcia-Molina 2010)."""

    def pairs(groups: Sequence[object]) -> int:
        return sum(n * (n - 1) // 2 for n in Counter(groups).values())

    both = pairs(list(zip(found, truth, strict=True)))
    precision, recall = both / max(pairs(found), 1), both / pairs(truth)
    return 2 * precision * recall / (precision + recall), precision, recall
