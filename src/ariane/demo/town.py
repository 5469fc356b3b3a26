"""The town: a seed, a number of persons, a last day; events in, truth beside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from operator import itemgetter
from pathlib import Path

from ariane.demo.brand import DAYS
from ariane.demo.ledger import bodies, days_of, spell, witness
from ariane.demo.living import BOT_EVERY, crawl, live, rows_of
from ariane.demo.truth import TruthWriter
from ariane.demo.whereabouts import consent_of
from ariane.errors import InputError

MOST_PERSONS = 1_000_000
ROWS_A_GROUP = 50_000
_time = itemgetter(0)


def last_full_day() -> date:
    """Yesterday in UTC: the last day that is over."""
    return datetime.now(UTC).date() - timedelta(days=1)


class Town:
    """A town of which everything is known. The same three numbers give the same bytes.

    Person i depends on the seed and i alone: any chunk can be generated apart, and a larger town begins with the
    smaller one's persons. Raises InputError for a number of persons outside 1 to 1,000,000.

    >>> town = Town(seed=7, n_persons=3, until_on=date(2026, 4, 30))
    >>> chunks = list(town.batches())
    >>> len(chunks), chunks[0][0][:10]
    (1, b'{"batch":[')
    """

    def __init__(self, seed: int = 1, n_persons: int = 5_000, until_on: date | None = None) -> None:
        if not 1 <= n_persons <= MOST_PERSONS:
            raise InputError(f"A town cannot have {n_persons:,} persons.", allowed=f"1 to {MOST_PERSONS:,}")
        if seed < 0:
            raise InputError(f"{seed} cannot be a seed.", allowed="0 or more")
        self.seed, self.n_persons = seed, n_persons
        self.until_on = until_on or last_full_day()
        self.since_on = self.until_on - timedelta(days=DAYS - 1)

    def batches(self, persons_per_chunk: int = 500, *, truth: Path | None = None) -> Iterator[list[bytes]]:
        """Segment batch bodies, a list for each chunk of persons, in order of time within it; each body has at most
        250 events and 440 kB. Memory is that of one chunk, however many there are. With `truth` the folder is written
        on the way."""
        if truth is None:
            yield from self._chunks(persons_per_chunk, None)
            return
        with TruthWriter(truth, self.seed, self.n_persons, self.until_on) as writer:
            yield from self._chunks(persons_per_chunk, writer)

    def write_truth(self, folder: Path | str) -> None:
        """Write what is true of this town into `folder`, without spelling its events."""
        with TruthWriter(Path(folder), self.seed, self.n_persons, self.until_on) as writer:
            for number in range(self.n_persons):
                life = live(self.seed, number, self._origin())
                rows = rows_of(life)
                writer.add(life.person, witness(rows, life.person.shared), len(rows))
                writer.flush(ROWS_A_GROUP)

    def _origin(self) -> datetime:
        return datetime.combine(self.since_on, time())

    def _chunks(self, persons_per_chunk: int, writer: TruthWriter | None) -> Iterator[list[bytes]]:
        for first in range(0, self.n_persons, persons_per_chunk):
            events: list[tuple[int, bytes]] = []
            for number in range(first, min(first + persons_per_chunk, self.n_persons)):
                events += self._events_of(number, writer)
            if writer is not None:
                writer.flush(ROWS_A_GROUP)
            events.sort(key=_time)
            yield bodies([event for _, event in events])

    def _events_of(self, number: int, writer: TruthWriter | None) -> list[tuple[int, bytes]]:
        life = live(self.seed, number, self._origin())
        rows = rows_of(life)
        if writer is not None:
            writer.add(life.person, witness(rows, life.person.shared), len(rows))
        days, prefix = days_of(self.until_on), f"d{self.seed}-{number}-"
        events = spell(rows, prefix, days, consent_of(life.person))
        if number % BOT_EVERY == BOT_EVERY // 2:
            events += spell(
                crawl(self.seed, number // BOT_EVERY), f"d{self.seed}-b{number // BOT_EVERY}-", days, lambda _: b""
            )
        return events
