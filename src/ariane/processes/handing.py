"""What the stream opened is handed to the lake's writer as columns, so that no record is opened twice.

Files beside the log, one for each batch of the stream. They are a convenience: what is missing, of another kind, or of
before the machine last started (its pages may not have reached the disk) is read from the log instead, and says the
same.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec
import pyarrow as pa

from ariane.identity import Rules
from ariane.processes.tabling import basis_of
from ariane.settings import Settings

FOLDER = "handed"
LEAST_ROWS = 200
"""Fewer are sooner read again than handed over."""

MOST_BYTES = 256 << 20
"""So much is left for a lake's writer that does not come; then no more."""

_DAMAGED = b"damaged"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Handed(NamedTuple):
    """The rows of the records of a partition from one offset to another."""

    path: Path
    start: int
    end: int
    kind: str

    def rows(self) -> tuple[pa.Table, dict[int, int]] | None:
        """What was handed over, as it lies in the file, and the places and lengths of damaged records; None when it is
        gone."""
        try:
            with pa.memory_map(str(self.path)) as file:
                rows = pa.ipc.open_file(file).read_all()
        except (OSError, pa.ArrowInvalid):
            return None
        told = (rows.schema.metadata or {}).get(_DAMAGED, b"{}")
        return rows.replace_schema_metadata(None), msgspec.json.decode(told, type=dict[int, int])


def kind_of(rules: Rules, settings: Settings) -> str:
    """What rows depend on beside their records, in short. Empty where nothing can be handed over."""
    boot = _boot()
    if not boot:
        return ""
    said = repr((_version(), boot, sorted(settings.properties.items()), settings.currency))
    return f"{basis_of(rules):x}-{crc32(said.encode()):08x}"


@lru_cache(1)
def _boot() -> str:
    try:
        return _BOOT.read_text()
    except OSError:
        return ""


@lru_cache(1)
def _version() -> str:
    return version("ariane")


def hand(
    workspace: Path, partition: str, start: int, end: int, kind: str, rows: pa.Table, damaged: Mapping[int, int]
) -> None:
    """Leave the rows of these records for the lake's writer, and what was `damaged` among them (offset → length)."""
    rows = rows.replace_schema_metadata({_DAMAGED: msgspec.json.encode(damaged)})
    folder = workspace / FOLDER / partition
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if sum(file.stat().st_size for file in folder.iterdir()) > MOST_BYTES:
            return
        unfinished = folder / "unfinished"
        with pa.OSFile(str(unfinished), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
            writer.write_table(rows)
        unfinished.replace(folder / f"{start:020d}-{end:020d}-{kind}.arrow")
    except OSError:  # a full disk, or the lake's writer tidied up just now
        return


def handed(workspace: Path, partition: str, kind: str) -> list[Handed]:
    """What there is of this kind, in order."""
    return [one for one in _all(workspace, partition) if one.kind == kind]


def let_go(workspace: Path, partition: str, before: int) -> None:
    """Remove what ends at this offset or earlier."""
    for one in _all(workspace, partition):
        if one.end <= before:
            one.path.unlink(missing_ok=True)


def clear(workspace: Path) -> None:
    """Remove everything that was handed over, or was about to be."""
    shutil.rmtree(workspace / FOLDER, ignore_errors=True)


def _all(workspace: Path, partition: str) -> list[Handed]:
    try:
        files = sorted((workspace / FOLDER / partition).glob("*.arrow"))
    except OSError:
        return []
    found = []
    for file in files:
        start, end, kind = file.stem.split("-", 2)
        found.append(Handed(file, int(start), int(end), kind))
    return found
