"""A workspace in Python: what the console shows, as results to compute with.

>>> import tempfile, ariane
>>> ws = ariane.open(tempfile.mkdtemp() + "/shop", create=True)
>>> ws.population().n_persons()
0
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from ariane.errors import InputError
from ariane.linkage import Linkages
from ariane.model import Purpose
from ariane.opened import Extent, Instant, Opened, iso, to_us
from ariane.planning import Plans
from ariane.relations import NAMES, relation
from ariane.result import Noted, Result, told
from ariane.rooms import Attribution, Decided, Journeys, Measure, Persons, Predict, Segments, Voice
from ariane.suggestions import Suggestions

if TYPE_CHECKING:
    import ibis

    from ariane.decide import Decision
    from ariane.identity.threads import Held

__all__ = ["NAMES", "Decided", "Extent", "Instant", "Workspace", "iso", "to_us"]


class Workspace(Opened):
    """One workspace. `people`, `journeys` and the other rooms hang on it.

    >>> import tempfile, ariane
    >>> with ariane.open(tempfile.mkdtemp() + "/shop", create=True) as ws:
    ...     ws.segments.counts()["buyers"], ws.journeys.map().n_persons
    (0, 0)
    """

    @property
    def people(self) -> Persons:
        return Persons(self)

    @property
    def journeys(self) -> Journeys:
        return Journeys(self)

    @property
    def voice(self) -> Voice:
        return Voice(self)

    @property
    def attribution(self) -> Attribution:
        return Attribution(self)

    @property
    def plan(self) -> Plans:
        return Plans(self)

    @property
    def linkage(self) -> Linkages:
        return Linkages(self)

    @property
    def suggestions(self) -> Suggestions:
        return Suggestions(self)

    @property
    def segments(self) -> Segments:
        return Segments(self)

    @property
    def predict(self) -> Predict:
        return Predict(self)

    @property
    def measure(self) -> Measure:
        return Measure(self)

    def relation(self, name: str, purpose: Purpose = "measurement") -> ibis.Table:
        """A relation (docs/sql.md) as an Ibis expression. InputError for a name there is none of."""
        if name not in NAMES:
            raise InputError(f"There is no relation '{name[:80]}'.", allowed=", ".join(NAMES))
        return relation(name, self.population(purpose), self.journey())

    def decide(self, person: str, *, at: Instant = None, record: bool = False) -> Decision:
        """The next best action for one person as of an instant (their last event unless given), and why.

        Actions come from the workspace's `actions.toml`, or the ones Ariane brings. With `record` it is as of now
        unless given, and goes into the log as an event of ours, once: pressure and effects count it from then on, and a
        rebuild finds it again.
        """
        from ariane import decide

        thread = self.people.person(person)
        now_us = time.time_ns() // 1000 if record and at is None else to_us(at)
        file = self.path / "actions.toml"
        self.refresh()
        noted = Noted(self.engine)
        decision = decide.decide(
            noted,
            thread.person_id,
            now_us=thread.last_seen_us if now_us is None else now_us,
            policy=decide.load_policy(file if file.exists() else None),
            bases={name: purpose.basis for name, purpose in self.settings.purposes.items()},
        )
        if record:
            self.write([_as_record(decision, thread.identifiers[0])])
        return told(decision, noted)

    def sql(self, text: str, purpose: Purpose = "measurement") -> Result:
        """Ask the relations in DuckDB's SQL. Persons the purpose may not read are in none of them."""
        from ariane.asking import ask

        return ask(self, text, purpose)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Workspace {self.path}>"


def _as_record(decision: Decision, known_by: Held) -> bytes:
    """The decision as a record of the log, under the person's strongest identifier: it follows them from then on."""
    from ariane import decide, ingest

    event = decide.as_event(decision, f"{known_by.kind}:{known_by.value}")
    return ingest.encode(
        ingest.Record(
            source=ingest.RESERVED_SOURCE,
            message_id=event["messageId"],
            type=event["type"],
            received_us=time.time_ns() // 1000,
            event=event["event"],
            timestamp=iso(decision.decided_us),
            properties=event["properties"],
            context=event["context"],
        )
    )
