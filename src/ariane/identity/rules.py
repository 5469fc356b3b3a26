"""The rules by which identifiers become persons, read from a file anybody can read and change."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from ariane.consent.refusals import PURPOSES, SERVICE
from ariane.errors import InputError
from ariane.identity.commands import RULES
from ariane.identity.normalising import country_of, is_country

_KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOST_DAYS = 36_500
SHIPPED_COUNTRY = "FR"


class KindRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for one kind of identifier: its strength, how many a person may have (first seen within so many days,
    or ever), after how many accounts (met within so many days, or ever) it counts as shared."""

    priority: int
    limit: int | None = None
    shared_after: int | None = None
    block: tuple[str, ...] = ()
    within_days: int | None = None
    shared_within_days: int | None = None
    drop_tags: tuple[str, ...] = ()


class BlockRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values that name nobody, whatever their kind: exact ones (any case, quotes ignored), patterns, too long ones."""

    values: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    longest: int = 200


class CarriedRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Identity that a page's address carries: the kind each parameter names (none: ""), and after how many different
    identifiers that links tied it to an identifier counts as passed on: its links tie nobody any more."""

    parameters: dict[str, str] = {}
    passed_on_after: int = 10


class HouseholdRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who counts as living together: those who share an identifier that at most so many persons share, and that is not
    seen in a shop."""

    most: int = 6


class Rules(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """The identity rules of a workspace. `Rules.default()` is what Ariane ships; `Rules.load` lays a file over it.

    >>> rules = Rules.default()
    >>> rules.kinds["user_id"].limit, rules.is_strong("email"), rules.is_strong("cookie")
    (1, True, False)
    """

    kinds: dict[str, KindRule]
    block: BlockRule = BlockRule()
    country: str = "FR"
    calling_code: str = ""
    strong_from: str = "email"
    carried: CarriedRule = CarriedRule()
    purposes: dict[str, str] = {}
    household: HouseholdRule = HouseholdRule()

    @staticmethod
    def default() -> Rules:
        return _default()

    @staticmethod
    def load(path: Path | str | None, default_country: str = "") -> Rules:
        """The default rules with this file's laid over. InputError, with the line, when the file cannot be used."""
        if path is None:
            return read_rules("", "", _default_table(), default_country)
        path = Path(path)
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"The identity rules cannot be read ({error}).", where=str(path), next_step="Check the file."
            ) from error
        return read_rules(text, path.name, _default_table(), default_country)

    @staticmethod
    def whole(text: str, where: str) -> Rules:
        """Rules from a text that says all of them, over nothing."""
        return read_rules(text, where)

    def is_strong(self, kind: str) -> bool:
        """Whether this kind names a human rather than a machine."""
        rule = self.kinds.get(kind)
        return rule is not None and rule.priority >= self.kinds[self.strong_from].priority

    def is_unique(self, kind: str) -> bool:
        """Whether a person can have only one of this kind: such identifiers tell persons apart."""
        rule = self.kinds.get(kind)
        return rule is not None and rule.limit == 1

    def purpose_of(self, rule: str) -> str:
        """What evidence under this rule is used for.

        >>> Rules.default().purpose_of("login"), Rules.default().purpose_of("suggested")
        ('service', 'cross_device')
        """
        return self.purposes.get(rule, SERVICE)

    @property
    def bound(self) -> tuple[str, ...]:
        """The purposes that evidence is used for and that can be refused, each once."""
        return tuple(sorted({self.purpose_of(rule) for rule in RULES} - {SERVICE}))

    def bits_of(self, purposes: Collection[str]) -> int:
        """These of the purposes that can be refused, a bit each."""
        return sum(1 << place for place, purpose in enumerate(self.bound) if purpose in purposes)

    def priority(self, kind: str) -> int:
        """The kind's strength; a kind the rules do not know is weakest."""
        rule = self.kinds.get(kind)
        return rule.priority if rule is not None else 0


def read_rules(text: str, where: str, base: dict[str, Any] | None = None, default_country: str = "") -> Rules:
    """Rules from TOML text, laid over `base`. `default_country` holds where the text names no country of its own.

    >>> base = {"kinds": {"email": {"priority": 80}}}
    >>> read_rules("[kinds.email]\\nlimit = 2", "mine.toml", base=base).kinds["email"]
    KindRule(priority=80, limit=2, shared_after=None, block=(), within_days=None, shared_within_days=None,
            drop_tags=())
    >>> read_rules("[kinds.email]\\nlimit = 'two'", "mine.toml", base=base)
    Traceback (most recent call last):
    ariane.errors.InputError: mine.toml:2: kinds.email.limit: Expected `int | null`, got `str`. ...
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise InputError(
            f"Not valid TOML: {error}.", where=f"{where}:{line[1]}" if line else where, next_step="Correct that line."
        ) from error
    try:
        rules = msgspec.convert(_laid_over(base or {}, table), Rules)
    except msgspec.ValidationError as error:
        raise _wrong(text, where, *_located(str(error), table)) from error
    _check(rules, text, where)
    return _placed(rules, table, default_country)


def _placed(rules: Rules, table: dict[str, Any], default_country: str) -> Rules:
    """The rules with the country of numbers written without one, whichever way it was given."""
    country = rules.country
    if "country" not in table and "calling_code" in table:
        country = country_of(rules.calling_code)
    elif "country" not in table and default_country:
        country = default_country.upper()
        if country != SHIPPED_COUNTRY and not is_country(country):
            what = f"'{default_country}' is not a country, so numbers written without one cannot be read."
            allowed = 'two letters (ISO 3166), e.g. "FR"'
            raise InputError(what, where="ariane.toml: default_country", allowed=allowed)
    return msgspec.structs.replace(rules, country=country, calling_code="")


def _check(rules: Rules, text: str, where: str) -> None:
    """What types cannot say: names, bounds, patterns that compile."""
    for kind, rule in rules.kinds.items():
        at = ("kinds", kind)
        if not _KIND.fullmatch(kind):
            raise _wrong(
                text, where, at, "a kind's name must be", allowed="lower-case letters, digits and _, e.g. email"
            )
        if rule.limit is not None and rule.limit < 1:
            raise _wrong(text, where, (*at, "limit"), f"{rule.limit} is out of range", allowed="1 or more, or absent")
        if rule.shared_after is not None and rule.shared_after < 2:
            raise _wrong(
                text, where, (*at, "shared_after"), f"{rule.shared_after} is out of range", allowed="2 or more"
            )
        if rule.limit == 1 and rule.shared_after is not None:
            what = "a kind with limit 1 tells persons apart and cannot be shared"
            raise _wrong(text, where, (*at, "shared_after"), what, allowed="no shared_after, or a limit above 1")
        _check_windows(rule, text, where, at)
        for pattern in rule.block:
            _pattern(pattern, text, where, (*at, "block"))
    for pattern in rules.block.patterns:
        _pattern(pattern, text, where, ("block", "patterns"))
    if rules.strong_from not in rules.kinds:
        what = f"{rules.strong_from!r} is not a kind"
        raise _wrong(text, where, ("strong_from",), what, allowed=", ".join(rules.kinds))
    for name, kind in rules.carried.parameters.items():
        if kind and kind not in rules.kinds:
            allowed = ", ".join(rules.kinds) + ', or "" for none'
            raise _wrong(text, where, ("carried", "parameters", name), f"{kind!r} is not a kind", allowed=allowed)
    if rules.carried.passed_on_after < 1:
        what = f"{rules.carried.passed_on_after} is out of range"
        raise _wrong(text, where, ("carried", "passed_on_after"), what, allowed="1 or more")
    for name, purpose in rules.purposes.items():
        if name not in RULES:
            raise _wrong(text, where, ("purposes", name), f"{name!r} is no rule of evidence", allowed=", ".join(RULES))
        if purpose not in PURPOSES:
            what = f"{purpose!r} is no purpose"
            raise _wrong(text, where, ("purposes", name), what, allowed=", ".join(PURPOSES))
    if rules.household.most < 2:
        what = f"{rules.household.most} is out of range"
        raise _wrong(text, where, ("household", "most"), what, allowed="2 or more")
    _check_country(rules, text, where)


def _check_country(rules: Rules, text: str, where: str) -> None:
    if rules.calling_code and not re.fullmatch(r"[1-9]\d{0,2}", rules.calling_code):
        what = f"{rules.calling_code!r} is not a calling code"
        raise _wrong(text, where, ("calling_code",), what, allowed='1 to 3 digits, e.g. "33"')
    if rules.calling_code and not country_of(rules.calling_code):
        what = f"no country has the calling code {rules.calling_code}"
        raise _wrong(text, where, ("calling_code",), what, allowed="one a country has, or country = ...")
    if rules.country != SHIPPED_COUNTRY and rules.country and not is_country(rules.country):
        what = f"{rules.country!r} is not a country"
        raise _wrong(text, where, ("country",), what, allowed='two capital letters (ISO 3166), e.g. "FR"')


def _check_windows(rule: KindRule, text: str, where: str, at: tuple[str, ...]) -> None:
    """A stretch of days has a number to go with, and lasts a day at least."""
    if rule.within_days is not None and (rule.limit is None or rule.limit < 2):
        what = "there is no limit above 1 to count within days"
        raise _wrong(text, where, (*at, "within_days"), what, allowed="with a limit of 2 or more")
    if rule.shared_within_days is not None and rule.shared_after is None:
        what = "there is no shared_after to count within days"
        raise _wrong(text, where, (*at, "shared_within_days"), what, allowed="with shared_after")
    for name, days in (("within_days", rule.within_days), ("shared_within_days", rule.shared_within_days)):
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise _wrong(text, where, (*at, name), f"{days} is out of range", allowed=f"1 to {MOST_DAYS} days")


def _pattern(pattern: str, text: str, where: str, at: tuple[str, ...]) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        what = f"{pattern!r} is not a regular expression ({error})"
        raise _wrong(text, where, at, what, allowed="a Python regular expression") from error


def _located(message: str, table: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    """The field msgspec complains about. It writes `...` for a map's key, so the first offending key is looked up."""
    what, _, path = message.partition(" - at `$")
    names = [name for name in path.rstrip("`").replace("[...]", ".*").split(".") if name]
    unknown = re.search(r"unknown field `(\w+)`", what)
    if unknown:
        names.append(unknown[1])
    at: list[str] = []
    here: Any = table
    for index, name in enumerate(names):
        if name == "*" and isinstance(here, dict):
            name = next((key for key in here if _fails(here[key], names[index + 1 :])), next(iter(here), "*"))
        at.append(name.split("[")[0])
        here = here.get(at[-1], {}) if isinstance(here, dict) else {}
    return tuple(at), what.replace("Object contains", "there is an")


def _fails(value: Any, rest: list[str]) -> bool:
    """Whether this kind's table is the one that does not fit."""
    try:
        msgspec.convert({"priority": 0, **value} if isinstance(value, dict) else value, KindRule)
    except msgspec.ValidationError as error:
        return not rest or rest[0].split("[")[0] in str(error)
    return False


def _wrong(text: str, where: str, at: tuple[str, ...], what: str, allowed: str = "") -> InputError:
    if not allowed:
        allowed = (
            ", ".join(KindRule.__struct_fields__) if at[:1] == ("kinds",) else "kinds, block, calling_code, strong_from"
        )
    line = _line_of(text, at)
    return InputError(
        f"{'.'.join(at)}: {what}.",
        where=f"{where}:{line}" if line else where,
        allowed=allowed,
        next_step="See docs/identity.md for every field.",
    )


def _line_of(text: str, at: tuple[str, ...]) -> int | None:
    """The line a field stands on: the last of its names found, each searched after the one before."""
    found, start = None, 0
    lines = text.splitlines()
    for name in at:
        for number in range(start, len(lines)):
            if re.match(rf"\s*(\[.*\b{re.escape(name)}\b.*\]|\"?{re.escape(name)}\"?\s*=)", lines[number]):
                found, start = number + 1, number
                break
    return found


def reading_of(rules: Rules) -> bytes:
    """What of the rules decides which identifiers an event carries and which is its subject: where this differs, events
    must be read anew (`ariane rebuild`); all else is solved from the evidence."""
    read = {kind: (rule.priority, rule.drop_tags, rule.block) for kind, rule in rules.kinds.items()}
    said = (read, rules.block, rules.country, rules.strong_from, rules.carried.parameters)
    return msgspec.json.encode(said, order="deterministic")


def _laid_over(base: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    laid = dict(base)
    for name, value in table.items():
        below = laid.get(name)
        laid[name] = _laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return laid


@lru_cache(1)
def _default_table() -> dict[str, Any]:
    return tomllib.loads(files("ariane.identity").joinpath("identity.toml").read_text("utf-8"))


@lru_cache(1)
def _default() -> Rules:
    return msgspec.convert(_default_table(), Rules)


# Made here, by one thread: two that first ask for a type's shape at the same moment end msgspec 0.22, and the process.
msgspec.json.Decoder(Rules)
