"""What the workers of one collector count, told by whichever is asked: each leaves its samples beside the log."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

FOLDER = ".metrics"
TELL_S = 1.0
"""A worker leaves its samples so long after the first request that changed them."""

Samples = Mapping[str, Sequence[str]]
"""Lines of Prometheus's text format by the name of their family."""

_read = msgspec.json.Decoder(dict[str, list[str]]).decode


def leave(workspace: Path, partition: str, samples: Samples) -> None:
    """Leave this worker's samples for those started with it. A disk that refuses is no matter."""
    folder = _folder(workspace)
    beside = folder / f"{partition}.new"
    try:
        if not folder.exists():
            shutil.rmtree(folder.parent, ignore_errors=True)  # of a collector that is no more
            folder.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(msgspec.json.encode(samples))
        os.replace(beside, folder / partition)
    except OSError:
        pass


def others(workspace: Path, partition: str) -> list[Samples]:
    """The samples that the other workers left.

    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> leave(folder, "web-1", {"ariane_log_writable": ['ariane_log_writable{partition="web-1"} 1']})
    >>> others(folder, "web-0")
    [{'ariane_log_writable': ['ariane_log_writable{partition="web-1"} 1']}]
    >>> others(folder, "web-1")
    []
    """
    found: list[Samples] = []
    try:
        files = sorted(_folder(workspace).iterdir())
    except OSError:
        return found
    for file in files:
        if file.name != partition and file.suffix != ".new":
            try:
                found.append(_read(file.read_bytes()))
            except (OSError, msgspec.DecodeError):
                continue
    return found


def _folder(workspace: Path) -> Path:
    """One for each collector: its workers have one parent."""
    return workspace / FOLDER / str(os.getppid())
