"""Changing the rules: what people edit is a proposal until somebody applies it; what was applied stays on record."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ariane.errors import Conflict, InputError
from ariane.identity.guarding.writing import written
from ariane.identity.inforce import (
    EDITED,
    FOLDER,
    MARK,
    Version,
    digest_of,
    edited,
    read_version,
    version_files,
    version_of,
)
from ariane.identity.rules import Rules, reading_of

_MOST = 9999


class Proposal(msgspec.Struct, frozen=True):
    """What identity.toml says, beside the rules in force: `changes` are the fields that differ, as
    (field, in force, proposed); `rereads` says whether past events would be read otherwise, which takes a rebuild.

    >>> Proposal(Version(1, "", "", "", Rules.default()), Rules.default(), (), False).is_new
    False
    """

    in_force: Version
    rules: Rules
    changes: tuple[tuple[str, str, str], ...]
    rereads: bool

    @property
    def is_new(self) -> bool:
        """Whether applying it would change anything. The first version is always new: from then on, it is in force."""
        return bool(self.changes) or self.in_force.number == 0


def proposed(workspace: Path) -> Proposal:
    """What identity.toml says beside the rules in force. InputError, with the line, when it cannot be used.

    >>> proposed(Path("no-workspace")).changes
    ()
    """
    before, rules = _before(workspace), edited(workspace)
    return Proposal(before, rules, _changes(before.rules, rules), reading_of(before.rules) != reading_of(rules))


def _before(workspace: Path) -> Version:
    """The version in force; where that is broken, the last that is whole, so that a new one can be applied."""
    try:
        return version_of(workspace)
    except InputError:
        whole = versions(workspace)
        if not version_files(workspace):
            raise
        return whole[-1] if whole else Version(0, "", "", "", Rules.default())


def apply(workspace: Path, proposal: Proposal, actor: str) -> Version:
    """Put the proposed rules in force, as the next version; what is served solves the history again by itself.

    InputError without an actor, Conflict when identity.toml or the rules in force are not what was proposed any more.

    >>> from tempfile import mkdtemp
    >>> shop = Path(mkdtemp())
    >>> apply(shop, proposed(shop), "nina").number, version_of(shop).actor
    (1, 'nina')
    """
    actor = " ".join(actor.split())
    if not actor:
        raise InputError("Nobody is named who applies the rules.", allowed="an actor, such as nina@shop.example")
    now = proposed(workspace)
    if now.in_force.number != proposal.in_force.number or written(now.rules) != written(proposal.rules):
        what = "The rules are not what was looked at any more."
        raise Conflict(what, where=str(workspace / EDITED), next_step="Look at the difference again, then apply.")
    if not proposal.is_new:
        return proposal.in_force
    folder = workspace / FOLDER
    number = _next(folder)
    body = written(proposal.rules)
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    version = Version(number, at, actor, digest_of(body), proposal.rules)
    _put(folder, version, body)
    return version_of(workspace)


def versions(workspace: Path) -> tuple[Version, ...]:
    """Every version that was applied and is whole, oldest first.

    >>> versions(Path("no-workspace"))
    ()
    """
    found = []
    for file in version_files(workspace):
        with suppress(InputError):
            found.append(read_version(file))
    return tuple(found)


def broken(workspace: Path) -> tuple[InputError, ...]:
    """What is wrong with the versions that are not whole any more, oldest first.

    >>> broken(Path("no-workspace"))
    ()
    """
    found = []
    for file in version_files(workspace):
        try:
            read_version(file)
        except InputError as error:
            found.append(error)
    return tuple(found)


def _next(folder: Path) -> int:
    """The number after the highest there is, be that one good or not."""
    numbers = [int(file.stem) for file in version_files(folder.parent)]
    number = max(numbers, default=0) + 1
    if number > _MOST:
        raise Conflict(f"There are {_MOST} versions of the rules.", where=str(folder), next_step="Move old ones away.")
    return number


def _put(folder: Path, version: Version, body: str) -> None:
    """Write the version's file whole, or not at all: it takes its name once it is on disk."""
    head = (
        f"# Version {version.number} of the rules by which identifiers become persons, as it was applied. Never change "
        f"it:\n# change {EDITED} and run 'ariane rules apply'.\n"
    )
    for name, value in (("at", version.at), ("actor", version.actor), ("digest", version.digest)):
        head += f"{name} = {msgspec.json.encode(value).decode()}\n"
    text = head.replace("\nat =", f"\nnumber = {version.number}\nat =") + "\n" + MARK + body
    folder.mkdir(exist_ok=True)
    unfinished = folder / f".{version.number:04d}.{os.getpid()}"
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, folder / f"{version.number:04d}.toml")
    except FileExistsError as error:
        what = f"Somebody applied version {version.number} of the rules just now."
        raise Conflict(what, where=str(folder), next_step="Look at the difference again, then apply.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    holder = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(holder)
    finally:
        os.close(holder)


def _changes(before: Rules, after: Rules) -> tuple[tuple[str, str, str], ...]:
    """The fields that differ, by their dotted names."""
    one, other = _flat("", msgspec.to_builtins(before)), _flat("", msgspec.to_builtins(after))
    return tuple((at, one.get(at, ""), other.get(at, "")) for at in sorted(one | other) if one.get(at) != other.get(at))


def _flat(at: str, value: object) -> dict[str, str]:
    if isinstance(value, dict):
        return {name: said for key, inner in value.items() for name, said in _flat(f"{at}.{key}", inner).items()}
    if value is None or value == ():
        return {}
    return {at.removeprefix("."): msgspec.json.encode(value).decode()}
