"""Records without shared keys: found again whatever the order, kept apart where told, taught by answers."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ariane.errors import InputError
from ariane.identity.linking import Answer, Apart, Known, Linked, Model, cluster, link, read, teach
from ariane.identity.linking.model import weigh
from identity.linking.labelled import FAKE, fake_1000, pairwise

N = 9
ENDS = st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)).filter(lambda pair: pair[0] < pair[1])
PAIRS = st.dictionaries(ENDS, st.integers(1, 20).map(lambda n: n / 20), max_size=30)


def grouped(pairs: dict[tuple[int, int], float], apart: Apart | None = None, threshold: float = 0.5) -> list[int]:
    a, b = (np.array([pair[end] for pair in pairs], np.int64) for end in (0, 1))
    return cluster(N, a, b, np.array(list(pairs.values()), float), threshold, apart).tolist()


@settings(max_examples=60, deadline=None)
@given(PAIRS, st.lists(ENDS, max_size=5), st.randoms(use_true_random=False))
def test_groups_do_not_hang_on_the_order_of_pairs_and_keep_apart_what_may_not_meet(pairs, never, chance) -> None:
    shuffled = list(pairs.items())
    chance.shuffle(shuffled)
    sources, strong = (0, 0, 1, 1, -1, -1, -1, -1, -1), (-1, -1, -1, -1, 5, 6, 5, -1, -1)
    apart = Apart(sources, (strong,), tuple(never))
    found = grouped(pairs, apart)
    assert found == grouped(dict(shuffled), apart)
    assert all(found[a] != found[b] for a, b in [*never, (0, 1), (2, 3), (4, 5), (5, 6)])


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_no_two_groups_left_are_as_like_as_the_threshold(pairs) -> None:
    found = grouped(pairs)
    for one in set(found):
        for other in set(found) - {one}:
            a, b = ([n for n in range(N) if found[n] == group] for group in (one, other))
            total = sum(pairs.get((min(x, y), max(x, y)), 0.0) for x in a for y in b)
            assert total / (len(a) * len(b)) < 0.5 + 1e-6


@pytest.fixture(scope="module")
def linked(shared_data: Path) -> tuple[Linked, dict[str, list[str | None]], list[str]]:
    records, truth = fake_1000(shared_data / "linkage")
    return link(read(records, FAKE)), records, truth


@pytest.mark.needs("data")
def test_persons_are_found_without_a_label(linked) -> None:
    found, _, truth = linked
    f1, precision, _ = pairwise(found.clusters.tolist(), truth)
    assert f1 >= 0.94 and precision >= 0.98
    merges = found.merges()
    assert len(merges) > 500 and np.mean([truth[one.a] == truth[one.b] for one in merges]) >= 0.99
    assert all(0.8 <= one.probability < 0.99 for one in found.reviews())


@pytest.mark.needs("data")
def test_one_record_is_weighed_as_linking_weighed_it(linked) -> None:
    found, records, truth = linked
    known = Known(found)
    rank = {int(row): number for number, row in enumerate(found.records.rows)}
    hits = 0
    for row in random.Random(3).sample(range(len(truth)), 60):
        best = known.find({name: values[row] for name, values in records.items()}, limit=3)
        hits += any(truth[match.row] == truth[row] for match in best if match.row != row)
        for match in best:
            a, b = (np.array([rank[one]]) for one in (row, match.row))
            expected = weigh(found.model, found.records, a, found.records, b).weight[0]
            assert match.weight == pytest.approx(expected) and match.cluster == found.clusters[match.row]
    assert hits >= 40  # some are alone
    assert known.find({"first_name": "Nobody", "surname": "Atall"}) == []


@pytest.mark.needs("data")
def test_a_model_is_kept_as_text_and_answers_teach_it(linked) -> None:
    found, _, truth = linked
    rows = found.records.rows
    answers = [
        Answer(int(rows[a]), int(rows[b]), truth[rows[a]] == truth[rows[b]])
        for a, b in zip(found.pairs.a, found.pairs.b, strict=True)
    ][::2]
    taught = teach(found, answers)
    assert taught.trees and Model.of_json(taught.to_json()) == taught
    again = link(found.records, Model.of_json(taught.to_json()))
    before, after = (pairwise(one.clusters.tolist(), truth)[0] for one in (found, again))
    assert after >= before
    assert teach(found, answers[:20]).trees == ""  # too few to learn from
    with pytest.raises(InputError, match="same person and not"):
        teach(found, [Answer(1, 2, True), Answer(2, 1, False)])


@pytest.mark.needs("data")
def test_the_same_records_in_another_order_are_the_same_persons(linked) -> None:
    found, records, truth = linked
    order = random.Random(5).sample(range(len(truth)), len(truth))
    again = link(read({name: [values[row] for row in order] for name, values in records.items()}, FAKE))
    pairs = {frozenset((one.a, one.b)) for one in found.merges()}
    assert {frozenset((order[one.a], order[one.b])) for one in again.merges()} == pairs
