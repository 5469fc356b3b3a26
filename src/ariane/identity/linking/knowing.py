"""Is this person known? One record against all, in milliseconds: the keys it would be blocked on, looked up in an
inverted index; then the same comparisons and weights as the model's."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from ariane.identity.linking.blocking import MOST, keyed
from ariane.identity.linking.linking import Linked
from ariane.identity.linking.merging import holders_of
from ariane.identity.linking.model import weigh
from ariane.identity.linking.reading import Codes, Records, read_one


class Match(msgspec.Struct, frozen=True):
    """A record that may be the same person's, by where it stood in the input, with its cluster; `weight` in log-odds,
    `probability` calibrated."""

    row: int
    cluster: int
    weight: float
    probability: float


class Known:
    """The records of `linked`, ready to be asked about one more. Its index takes 16 bytes a key, about 200 keys a
    record of six columns."""

    def __init__(self, linked: Linked) -> None:
        self._linked = linked
        every = list(keyed(linked.records))
        keys = np.concatenate([np.zeros(0, np.uint64), *(keys for keys, _ in every)])
        holders = np.concatenate([np.zeros(0, np.int64), *(holders for _, holders in every)])
        order = np.argsort(keys, kind="stable")
        keys, self._holders = keys[order], holders[order].astype(np.int32)
        starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, np.int64)
        counts = np.diff(np.append(starts, len(keys)))
        rare = counts <= MOST
        self._keys, self._starts, self._counts = keys[starts[rare]], starts[rare], counts[rare]

    def find(self, record: Mapping[str, object], limit: int = 10, lowest: float = 0.5) -> list[Match]:
        """The records most probably of the same person, the surest first, none below the probability `lowest`.

        `record`: column name → value, by the columns the records were read with; a column may be left out.
        """
        linked = self._linked
        asked = read_one(record, linked.records)
        near = self._near(asked)
        weighed = weigh(linked.model, asked, np.zeros(len(near), np.int64), linked.records, near)
        assert linked.model.calibration is not None
        probability = linked.model.calibration.probability(weighed.weight)
        rows = linked.records.rows[near]
        best = np.lexsort((rows, -weighed.weight))[:limit]
        return [
            Match(int(rows[i]), int(linked.clusters[rows[i]]), float(weighed.weight[i]), float(probability[i]))
            for i in best
            if probability[i] >= lowest
        ]

    def _near(self, asked: Records) -> Codes:
        """Records that share a key few others have, ascending."""
        keys = np.concatenate([np.zeros(0, np.uint64), *(keys for keys, _ in keyed(asked))])
        return holders_of(np.unique(keys), self._keys, self._starts, self._counts, self._holders)
