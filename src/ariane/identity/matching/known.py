"""Whether the person of one record is known, among those there are records of."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from ariane.errors import InputError
from ariane.identity.linking import Known, Model, link, read
from ariane.identity.matching.finding import reasons
from ariane.identity.matching.pairs import Reason
from ariane.identity.matching.recording import Records
from ariane.model import Identifier


class Candidate(msgspec.Struct, frozen=True):
    """A record that may be the asked person's: by which identifier it goes, how probably, and why."""

    by: Identifier
    probability: float
    reasons: tuple[Reason, ...]


class Index:
    """Records ready to be asked, by a model that was learned from them or from others with the same columns."""

    def __init__(self, found: Records, model: Model) -> None:
        self._found = found
        self._linked = link(read(found.table(), found.columns, ids=[str(one.by) for one in found.rows]), model)
        self._known = Known(self._linked)
        self._rank = np.empty(self._linked.records.n, np.int64)
        self._rank[self._linked.records.rows] = np.arange(self._linked.records.n)

    @property
    def columns(self) -> tuple[str, ...]:
        """What a record may say."""
        return tuple(column.name for column in self._found.columns)

    def ask(self, record: Mapping[str, str], *, limit: int = 10, lowest: float = 0.5) -> tuple[Candidate, ...]:
        """The records most probably of the same person, the surest first. InputError for a column there is none of."""
        from ariane.identity.linking.model import weigh
        from ariane.identity.linking.reading import read_one

        strange = sorted(set(record) - set(self.columns))
        if strange or not any(value.strip() for value in record.values()):
            raise InputError(
                f"No column '{strange[0][:80]}'." if strange else "The record says nothing.",
                where="record", allowed=", ".join(self.columns),
            )  # fmt: skip
        matches = self._known.find(record, limit=limit, lowest=lowest)
        if not matches:
            return ()
        asked, near = read_one(record, self._linked.records), self._rank[[match.row for match in matches]]
        weighed = weigh(self._linked.model, asked, np.zeros(len(near), np.int64), self._linked.records, near)
        return tuple(
            Candidate(
                self._found.rows[match.row].by, round(match.probability, 6),
                reasons(self._linked.model, weighed.levels[at].tolist(), weighed.parts[at].tolist(), match.weight),
            )
            for at, match in enumerate(matches)
        )  # fmt: skip
