"""What the last look left behind: its model, and the pairs to ask about. No value of a record is kept: a file of
`models`, which a rebuild and an erasure remove."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ariane.identity.matching.pairs import Pair

if TYPE_CHECKING:
    from ariane.identity.linking import Model
    from ariane.identity.matching.finding import Looked

FILE = Path("models") / "linkage.json"
MOST = 2_000
"""Pairs that are kept to ask about; the surest."""


class Kept(msgspec.Struct, frozen=True):
    """The last look: when, by which model, over how many records, and the pairs to ask about."""

    at_us: int
    version: str
    n_records: int
    n_merged: int
    reviews: tuple[Pair, ...]
    written: str = ""

    def model(self) -> Model:
        """The model that `written` holds; where nothing was learned it is empty."""
        from ariane.identity.linking import Model

        return Model.of_json(self.written.encode())


def keep(workspace: Path, looked: Looked, at_us: int) -> Kept:
    """Write it whole, at once."""
    written = looked.model.to_json().decode() if looked.model is not None else ""
    kept = Kept(at_us, looked.version, looked.n_records, len(looked.merges), looked.reviews[:MOST], written)
    path = workspace / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.write_bytes(msgspec.json.encode(kept))
    fresh.replace(path)
    return kept


def kept(workspace: Path) -> Kept | None:
    """What the last look left; None before one, after a rebuild or an erasure, or when it cannot be read."""
    path = workspace / FILE
    try:
        stamp = path.stat()
        return _read(path, stamp.st_mtime_ns, stamp.st_size)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


@lru_cache(4)
def _read(path: Path, _mtime_ns: int, _size: int) -> Kept:
    """The file as it stands, opened once: whoever asks for one person asks in milliseconds."""
    return msgspec.json.decode(path.read_bytes(), type=Kept)


# Made here, by one thread: two that first ask for a type's shape at the same moment end msgspec 0.22, and the process.
msgspec.json.Decoder(Kept)
