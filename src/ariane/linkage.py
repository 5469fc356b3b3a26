"""Records without shared keys, linked in a workspace: looked for, tied through the log, asked about, and asked of."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from ariane import identity, ingest
from ariane.errors import NotFound
from ariane.identity import matching, steering
from ariane.identity.chosen import whose
from ariane.identity.matching import Linkage, Pair, Reason
from ariane.model import Identifier
from ariane.opened import Opened, iso
from ariane.result import Tabular

if TYPE_CHECKING:
    from ariane.consent import Population
    from ariane.identity.matching import Index, Records

ACTOR = "linkage"
KEPT = "the records that can be asked"


class LinkageReport(msgspec.Struct, Tabular, frozen=True, dict=True):
    """What looking found: pairs tied (`merged`) or that would be, pairs to ask about, by which model, what is compared.
    `written`: whether the ties went to the log; they hold once the stream has them."""

    written: bool
    purpose: str
    columns: tuple[str, ...]
    n_records: int
    n_held_back: int
    merged: tuple[Pair, ...]
    reviews: tuple[Pair, ...]
    n_answers: int
    taught: bool
    model: str

    def as_rows(self) -> list[dict[str, Any]]:
        """One row a pair, the surest first; `do` is merge or ask."""
        told = [("merge", one) for one in self.merged] + [("ask", one) for one in self.reviews]
        return [{"do": do, "a": str(one.a), "b": str(one.b), "probability": one.probability} for do, one in told]

    def words(self) -> tuple[str, ...]:
        """The report in sentences.

        >>> LinkageReport(False, "measurement", ("given",), 1, 0, (), (), 0, False, "").words()[-1]
        'Fewer than two: there is nothing to compare. See docs/identity.md: which fields are read.'
        """
        said = [
            f"{self.n_records:,} records read for {self.purpose} by {', '.join(self.columns)}; "
            f"{self.n_held_back:,} persons refuse it and were not read."
        ]
        if self.n_records < 2:
            return (*said, "Fewer than two: there is nothing to compare. See docs/identity.md: which fields are read.")
        tied = "tied as one person's" if self.written else "would be tied as one person's"
        said.append(f"{len(self.merged):,} pairs {tied} (probability .99 and more).")
        said.append(f"{len(self.reviews):,} pairs to be asked about (.8 to .99): /identity/review.")
        taught = "enough to learn from" if self.taught else "too few of either sort to learn from"
        said.append(f"{self.n_answers:,} pairs were answered by people: {taught}. Model {self.model}.")
        return tuple(said)


class Candidate(msgspec.Struct, frozen=True):
    """Somebody who may be the one asked for: whom, by which identifier, how probably, and why."""

    person_id: str
    by: Identifier
    probability: float
    reasons: tuple[Reason, ...]


class Linkages:
    """Linkage in one workspace. Needs the extra `linkage`, but for what the last look left."""

    def __init__(self, workspace: Opened) -> None:
        self._ws = workspace

    def look(self, *, check: bool = False, actor: str = ACTOR) -> LinkageReport:
        """Read the records, link them, tie the surest pairs through the log and keep the next to be asked about; with
        `check` nothing is written. InputError without the extra `linkage`."""
        linkage, found, held_back = self._read()
        with self._ws.stores.state.read() as conn:
            looked = matching.look(conn, found)
        now_us = time.time_ns() // 1000
        if not check:
            if looked.merges:
                self._ws.write([_as_record(one, looked.version, actor, now_us) for one in looked.merges])
            matching.keep(self._ws.path, looked, now_us)
        columns = tuple(column.name for column in found.columns)
        return LinkageReport(
            not check, linkage.purpose, columns, looked.n_records, held_back, looked.merges, looked.reviews,
            looked.n_answers, looked.taught, looked.version,
        )  # fmt: skip

    def known(
        self, record: Mapping[str, str], *, limit: int = 10, lowest: float = 0.5, actor: str = ACTOR
    ) -> tuple[Candidate, ...]:
        """Who may be the person of a record, the surest first: column → value, by the columns of linkage.toml. Only who
        may be read for the purpose that is written there. NotFound before the first look."""
        asked = self.index().ask(record, limit=limit, lowest=lowest)
        permit = self._ws.permit(Linkage.of(self._ws.path).purpose, actor)
        with self._ws.stores.state.read() as conn:
            held = whose(conn, permit, [one.by.key for one in asked])
        best: dict[str, Candidate] = {}
        for one in asked:
            if one.by.key in held:
                person = held[one.by.key][1]
                best.setdefault(person, Candidate(person, one.by, one.probability, one.reasons))
        return tuple(best.values())

    def index(self) -> Index:
        """The records that can be asked, read once and again when the lake has changed, as answers are kept."""
        kept = matching.kept(self._ws.path)
        if kept is None or not kept.written:
            raise NotFound("No records were looked at yet.", next_step="Run 'ariane link', which learns a model.")

        def made() -> Index:
            return matching.Index(self._read()[1], kept.model())

        return self._ws.answer((KEPT, kept.version), made)

    def _read(self) -> tuple[Linkage, Records, int]:
        """The records of all who may be read, and how many may not."""
        linkage = Linkage.of(self._ws.path)
        population: Population = self._ws.population(linkage.purpose)
        with self._ws.stores.state.read() as conn:
            found = matching.records(conn, population, linkage, identity.rules_of(self._ws.path))
        return linkage, found, population.n_held_back()


def _as_record(pair: Pair, version: str, actor: str, now_us: int) -> bytes:
    """A tie as a record of the log. Its message id is of the pair and the model: written twice it counts once."""
    payload = steering.link_event(pair.a, pair.b, score=pair.probability, model=version, actor=actor, at=iso(now_us))
    low, high = sorted((pair.a.key, pair.b.key))
    return ingest.encode(
        ingest.Record(
            source=ingest.RESERVED_SOURCE,
            message_id=f"linked-{version}-{low}-{high}",
            type=payload["type"],
            received_us=now_us,
            event=payload["event"],
            timestamp=payload["timestamp"],
            anonymous_id=payload["anonymousId"],
            properties=payload["properties"],
        )
    )
