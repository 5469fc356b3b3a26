"""Which events were taken before: their ids, kept for the days in which they may be sent again.

A table with a row an id touches a random page a row: 20 µs of CPU an event once there are ten million. Here a batch is
one row: its ids, sorted, in one block. The blocks are also held in memory, 14 bytes an id, and a batch is looked up in
all of them at once. Four blocks of about one size are merged into one (the log-structured merge of O'Neil et al.,
1996), so there are few; a block is dropped whole when its last day is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from secrets import randbits

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ariane.model import DAY
from ariane.store import State, metadata

seen_blocks = sa.Table(
    "seen_blocks",
    metadata,
    sa.Column("block_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("ids", sa.LargeBinary, nullable=False),
)

FOR_EVER = 0xFFFF
"""The day of ids that are never forgotten."""

FAN = 4
MOST = 1 << 21
"""Blocks of more ids than this are not merged further, so that whole ones come of age."""

Longs = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.uint32]
Days = npt.NDArray[np.uint16]
_ID = np.dtype([("high", ">u8"), ("low", ">u4")])


class Block:
    """Ids as 64 and 32 bits, in order of the former, and the day each was received."""

    __slots__ = ("day", "high", "low", "size", "until_day")

    def __init__(self, high: Longs, low: Ints, day: Days) -> None:
        order = np.argsort(high, kind="stable")
        self.high, self.low, self.day = high[order], low[order], day[order]
        self.until_day, self.size = int(day.max()), len(high)

    @classmethod
    def stored(cls, ids: bytes) -> Block:
        n = len(ids) // 14
        parts = np.frombuffer(ids, "<u8", n), np.frombuffer(ids, "<u4", n, 8 * n), np.frombuffer(ids, "<u2", n, 12 * n)
        return cls(parts[0].astype(np.uint64), parts[1].astype(np.uint32), parts[2].astype(np.uint16))

    @classmethod
    def merged(cls, blocks: Sequence[Block]) -> Block:
        return cls(
            np.concatenate([block.high for block in blocks]),
            np.concatenate([block.low for block in blocks]),
            np.concatenate([block.day for block in blocks]),
        )

    @property
    def kind(self) -> tuple[int, bool]:
        """Blocks of one kind are merged: about as large, and as long to be kept."""
        return self.size.bit_length() // 2, self.until_day == FOR_EVER

    def as_bytes(self) -> bytes:
        return self.high.astype("<u8").tobytes() + self.low.astype("<u4").tobytes() + self.day.astype("<u2").tobytes()

    def days_of(self, high: int, low: int) -> list[int]:
        """The days on which this id was received."""
        first, past = np.searchsorted(self.high, np.uint64(high)), np.searchsorted(self.high, np.uint64(high), "right")
        return [int(self.day[at]) for at in range(first, past) if self.low[at] == low]


class Seen:
    """The ids in the state, held in memory as well; they count for `window` days.

    What is in memory is compared with the state's list of blocks in each transaction, so neither one that was rolled
    back nor another process leaves anything wrong behind.

    >>> state = State("sqlite://"); state.create()
    >>> seen = Seen(window=30)
    >>> with state.begin() as conn:
    ...     seen.first_times(conn, ["0" * 24, "1" * 24, "0" * 24], [100, 100, 130])
    ...     Seen(window=30).first_times(conn, ["0" * 24, "1" * 24], [130, 131])
    [True, True, False]
    [False, True]
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self._blocks: dict[int, Block] = {}

    def first_times(self, conn: sa.Connection, ids: Sequence[str], days: Sequence[int]) -> list[bool]:
        """For each event, by its id and the day it was received: whether it comes for the first time. It is noted.

        It does not when the same id was taken before on a day at most `window` days away. So the answer is a matter of
        what was received and when, and not of when it is asked. What is never forgotten is compared whatever the days:
        a file adds nothing that its source posted before, as long as that is remembered, and makes it known for ever.
        """
        self._follow(conn)
        if not ids:
            return []
        high, low, day = _arrays(ids, days)
        order = np.argsort(high, kind="stable")
        asked = high[order]
        met = np.zeros(len(ids), bool)
        met[1:] = asked[1:] == asked[:-1]
        met[:-1] |= met[1:]
        for block in self._blocks.values():
            places = np.searchsorted(block.high, asked)
            met |= block.high[np.minimum(places, block.size - 1)] == asked
        fresh, noted = np.ones(len(ids), bool), np.ones(len(ids), bool)
        kept: dict[tuple[int, int], list[int]] = {}
        for at in sorted(order[met].tolist()):
            one, received = (int(high[at]), int(low[at])), int(day[at])
            if one not in kept:
                kept[one] = [day for block in self._blocks.values() for day in block.days_of(*one)]
            fresh[at] = not any(FOR_EVER in (day, received) or abs(day - received) <= self.window for day in kept[one])
            noted[at] = fresh[at] or (received == FOR_EVER and FOR_EVER not in kept[one])
            if noted[at]:
                kept[one].append(received)
        if noted.any():
            self._add(conn, Block(high[noted], low[noted], day[noted]))
        return [bool(one) for one in fresh.tolist()]

    def note(self, conn: sa.Connection, ids: Sequence[str], days: Sequence[int]) -> None:
        """Note events of which it is known that they come for the first time."""
        self._follow(conn)
        if ids:
            self._add(conn, Block(*_arrays(ids, days)))

    def forget(self, conn: sa.Connection, before_day: int) -> None:
        """Drop what cannot be met again once nothing received before `before_day` is still to come."""
        self._drop(conn, [at for at, block in self._blocks.items() if block.until_day < before_day - self.window])

    def _follow(self, conn: sa.Connection) -> None:
        """Hold the blocks the state has, and no others."""
        listed = {row[0] for row in conn.execute(sa.select(seen_blocks.c.block_id))}
        for block_id in self._blocks.keys() - listed:
            del self._blocks[block_id]
        missing = listed - self._blocks.keys()
        for block_id, ids in State.select_in(conn, sa.select(seen_blocks), seen_blocks.c.block_id, missing):
            self._blocks[block_id] = Block.stored(ids)

    def _add(self, conn: sa.Connection, block: Block) -> None:
        alike = [at for at, one in self._blocks.items() if one.kind == block.kind]
        while len(alike) >= FAN - 1 and block.size <= MOST:
            block = Block.merged([*[self._blocks[at] for at in alike], block])
            self._drop(conn, alike)
            alike = [at for at, one in self._blocks.items() if one.kind == block.kind]
        block_id = randbits(62)  # never one used before, even by a transaction undone
        State.upsert(conn, seen_blocks, [{"block_id": block_id, "ids": block.as_bytes()}])
        self._blocks[block_id] = block

    def _drop(self, conn: sa.Connection, block_ids: Sequence[int]) -> None:
        for block_id in block_ids:
            conn.execute(sa.delete(seen_blocks).where(seen_blocks.c.block_id == block_id))
            del self._blocks[block_id]


def _arrays(ids: Sequence[str], days: Sequence[int]) -> tuple[Longs, Ints, Days]:
    parts = np.frombuffer(bytes.fromhex("".join(ids)), _ID)
    return parts["high"].astype(np.uint64), parts["low"].astype(np.uint32), np.array(days, np.uint16)


def day_of(received_us: int) -> int:
    """The UTC day of this instant, counted from 1970, within what a block can say."""
    return min(max(received_us // DAY, 0), FOR_EVER - 1)
