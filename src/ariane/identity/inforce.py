"""Which rules are in force in a workspace: the newest version that was applied; before there is one, identity.toml.

A file half written, emptied by an editor or broken never changes who is whom: the last good rules stay, and what is
wrong is said once on standard error.
"""

from __future__ import annotations

import os
import sys
import time
import tomllib
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import msgspec

from ariane import settings
from ariane.errors import ArianeError, InputError
from ariane.identity.rules import Rules

EDITED, FOLDER = "identity.toml", "rules"
SETTLED_S = 1.0
"""A file that changed counts once it has stood still for so long."""

MARK = "# The rules, whole:\n"
"""What stands above the rules in a version's file; its digest is of all that follows."""

Stamp = tuple[int, int]
"""When a file last changed (ns), and its size; (0, 0) where there is none."""


class Version(msgspec.Struct, frozen=True):
    """Rules that were applied: their number, when, by whom, and the digest of their text. Number 0: none was, and
    identity.toml is in force as it stands.

    >>> Version(0, "", "", "", Rules.default()).rules.country
    'FR'
    """

    number: int
    at: str
    actor: str
    digest: str
    rules: Rules


class _Watched(NamedTuple):
    """What was last found: the good version, the stamps it was read at, and stamps met since and when."""

    version: Version
    stamps: tuple[Stamp, ...]
    met: tuple[Stamp, ...]
    met_s: float


_watched: dict[Path, _Watched] = {}
_lock = Lock()


def rules_of(workspace: Path) -> Rules:
    """The rules in force in a workspace, read again whenever they change."""
    return version_of(workspace).rules


def version_of(workspace: Path) -> Version:
    """The version in force. InputError while it cannot be used and no good one was seen: nothing may be tied by rules
    that nobody chose."""
    stamps = _stamps(workspace)
    known = _watched.get(workspace)
    if known is not None and known.stamps == stamps:
        return known.version
    with _lock:
        known = _watched.get(workspace)
        if known is not None and _unsettled(workspace, known, stamps):
            return known.version
        try:
            version = _read(workspace, stamps)
        except ArianeError as error:
            if known is None:
                raise
            sys.stderr.write(f"ariane identity: {error} The last good rules stay in force.\n")
            version = known.version
        _watched[workspace] = _Watched(version, stamps, stamps, 0.0)
        return version


def _stamps(workspace: Path) -> tuple[Stamp, ...]:
    """Of the folder of versions, or, before there is one, of the files that people edit."""
    versions = _stamp(workspace / FOLDER)
    if versions[0]:
        return (versions,)
    return versions, _stamp(workspace / EDITED), _stamp(workspace / "ariane.toml")


def _stamp(path: Path) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _unsettled(workspace: Path, known: _Watched, stamps: tuple[Stamp, ...]) -> bool:
    """Whether a file that was there before is being written just now; a version never is, for it comes whole."""
    if len(stamps) != len(known.stamps) or len(stamps) == 1:
        return False
    changed = [now for before, now in zip(known.stamps, stamps, strict=True) if before[0] and now[0] and now != before]
    if any(size == 0 for _, size in changed):
        return True  # emptied: an editor does so before it writes; whoever wants no rules removes the file
    if changed and known.met != stamps:
        _watched[workspace] = known._replace(met=stamps, met_s=time.monotonic())
        return True
    return bool(changed) and time.monotonic() - known.met_s < SETTLED_S


def _read(workspace: Path, stamps: tuple[Stamp, ...]) -> Version:
    if len(stamps) == 1:
        return newest(workspace)
    return Version(0, "", "", "", edited(workspace))


def edited(workspace: Path) -> Rules:
    """The rules as people wrote them: identity.toml over the default ones."""
    file, country = workspace / EDITED, default_country(workspace)
    if file.exists() or country:
        return Rules.load(file if file.exists() else None, country)
    return Rules.default()


def default_country(workspace: Path) -> str:
    """The workspace's `default_country`; "" where there are no settings."""
    return settings.load(workspace).default_country if (workspace / "ariane.toml").exists() else ""


def newest(workspace: Path) -> Version:
    """The newest version; number 0 when none was applied. InputError when it is not whole: to go back to the one before
    would be to change who is whom."""
    files = version_files(workspace)
    return read_version(files[-1]) if files else Version(0, "", "", "", edited(workspace))


def version_files(workspace: Path) -> list[Path]:
    """The files of the versions that were applied, oldest first."""
    return sorted((workspace / FOLDER).glob("[0-9][0-9][0-9][0-9].toml"))


def read_version(file: Path) -> Version:
    """A version as it was applied. InputError when the file is not whole, or was changed since."""
    try:
        head, mark, body = file.read_text("utf-8").partition(MARK)
        said = tomllib.loads(head)
        version = Version(said["number"], said["at"], said["actor"], said["digest"], Rules.whole(body, file.name))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise _broken(file, str(error)) from error
    if not mark or digest_of(body) != version.digest:
        raise _broken(file, "its text is not what was applied")
    return version


def digest_of(body: str) -> str:
    """What a version's text is known by: 32 hex digits."""
    return blake2b(body.encode(), digest_size=16).hexdigest()


def _broken(file: Path, why: str) -> InputError:
    return InputError(
        f"This version of the identity rules cannot be used ({why}).",
        where=str(file),
        next_step="Put the file back as it was, or change identity.toml and run 'ariane rules apply'.",
    )
