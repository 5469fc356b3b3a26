"""Stewards' answers: two records are one person's, or two persons'."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from ariane.errors import InputError
from ariane.identity.linking.linking import Linked
from ariane.identity.linking.model import Model, weigh
from ariane.identity.linking.trees import grown


class Answer(msgspec.Struct, frozen=True):
    """Records `a` and `b`, by where they stood in the input, are the `same` person's or not."""

    a: int
    b: int
    same: bool


def teach(linked: Linked, answers: Iterable[Answer]) -> Model:
    """The model with what `answers` teach, for `link` to use: trees over the comparisons, grown from the label-free
    weights. With fewer than 50 answers of either sort it is the label-free model, unchanged.

    An answer given twice counts once; contradicting ones are refused.
    """
    records, base = linked.records, msgspec.structs.replace(linked.model, trees="")
    said: dict[tuple[int, int], bool] = {}
    for answer in answers:
        pair = (min(answer.a, answer.b), max(answer.a, answer.b))
        if not 0 <= pair[0] < pair[1] < records.n:
            raise InputError(f"No such pair: {pair}.", where="answers", allowed=f"two of the records 0–{records.n - 1}")
        if said.setdefault(pair, answer.same) != answer.same:
            raise InputError(f"Records {pair} are said to be the same person and not.", where="answers")
    rank = np.empty(records.n, np.int64)
    rank[records.rows] = np.arange(records.n)
    pairs = sorted((min(rank[a], rank[b]), max(rank[a], rank[b]), same) for (a, b), same in said.items())
    if not pairs:
        return base
    table = np.array(pairs, dtype=np.int64)
    weighed = weigh(base, records, table[:, 0], records, table[:, 1])
    return msgspec.structs.replace(
        base, trees=grown(weighed.levels, weighed.parts, weighed.weight, table[:, 2].astype(bool))
    )
