"""The policy: the actions a brand may take, read from a file anybody can edit."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from ariane.errors import InputError, NotFound
from ariane.model import PURPOSES, Purpose
from ariane.segments import segment_rule


class Cap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `max` times within `days` days."""

    max: int
    days: int


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something the brand may do for a person: when, for what purpose, on which channel, worth what, how often.

    `value_minor` is what the action is assumed to be worth, in minor units: an assumption until its effect is measured.
    `urgent` actions ignore the common pressure, never their own `cap`. `holdout` replaces the policy's share.
    """

    key: str
    when: str
    purpose: Purpose
    channel: str
    name: dict[str, str] = {}
    value_minor: int = 0
    cap: Cap = Cap(1, 30)
    urgent: bool = False
    holdout: float | None = None


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every action, the contacts a person receives at most, the share held out, and how often another is tried.

    >>> [action.key for action in load_policy().actions][:2]
    ['service_call_back', 'delivery_apology']
    """

    actions: tuple[Action, ...] = ()
    pressure: Cap = Cap(3, 7)
    holdout: float = 0.05
    exploration: float = 0.05


def load_policy(path: Path | None = None) -> Policy:
    """The policy of a file, or the one Ariane comes with. NotFound when there is no such file; InputError saying where
    it cannot be used and what was allowed."""
    where = str(path or "actions.toml")
    try:
        text = path.read_text("utf-8") if path else files("ariane.decide").joinpath("actions.toml").read_text("utf-8")
    except FileNotFoundError as error:
        raise NotFound(
            "There is no file of actions.", where=where, next_step="Copy the one in docs/decide.md."
        ) from error
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            f"The file is not TOML: {error}.", where=where, next_step="Mend it and start again."
        ) from error
    _check_names(raw, where)
    try:
        policy = msgspec.convert(raw, Policy)
    except msgspec.ValidationError as error:
        raise InputError(f"{error}.", where=where, next_step="See docs/decide.md.") from error
    _check_sense(policy, where)
    return policy


def _check_names(raw: dict[str, Any], where: str) -> None:
    """Misspelt fields and purposes, with the one that was meant."""
    listed = raw.get("actions", [])
    actions = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    given = [(name, Policy.__struct_fields__, where) for name in raw]
    for number, action in enumerate(actions, 1):
        place = f"{where}: actions[{number}]"
        given += [(name, Action.__struct_fields__, place) for name in action]
        if isinstance(action.get("purpose"), str):
            given.append((action["purpose"], PURPOSES, f"{place}.purpose"))
    for name, allowed, place in given:
        if name not in allowed:
            close = get_close_matches(name, allowed, n=1)
            meant = f": did you mean '{close[0]}'?" if close else "."
            raise InputError(f"Unknown '{name}'{meant}", where=place, allowed=", ".join(allowed))


def _check_sense(policy: Policy, where: str) -> None:
    seen: set[str] = set()
    for number, action in enumerate(policy.actions, 1):
        place = f"{where}: actions[{number}]"
        if action.key in seen or not action.key:
            raise InputError(f"'{action.key}' names no action, or another one already.", where=place)
        seen.add(action.key)
        segment_rule(action.when, f"{place}.when")
    for cap in (policy.pressure, *(action.cap for action in policy.actions)):
        if cap.max < 0 or cap.days < 1:
            raise InputError(
                f"'At most {cap.max} in {cap.days} days' caps nothing.", where=where, allowed="0, 1, 2… in 1…"
            )
    for share in (policy.holdout, policy.exploration, *(action.holdout or 0.0 for action in policy.actions)):
        if not 0 <= share < 1:
            raise InputError(f"{share} is not a share of persons.", where=where, allowed="0 to below 1")


# Made here, by one thread: two that first ask for a type's shape at the same moment end msgspec 0.22, and the process.
msgspec.json.Decoder(Policy)
