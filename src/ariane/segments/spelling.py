"""How rules are written: a name, a short text, or TOML and JSON; and how they are written back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any
from urllib.parse import quote, unquote

from ariane.errors import InputError
from ariane.segments.rules import OPS, All, AnyOf, Condition, Not, Rule, canonical, checked, conditions

NAMED: dict[str, str] = {
    "everyone": "",
    "buyers": "orders>=1",
    "repeat_buyers": "orders>=2",
    "store_visitors": "channel:store",
    "multichannel": "channels>=2",
    "at_risk": "orders>=1,last_seen_days>=60",
}
"""Segments every workspace has, by name."""

DEEPEST, LONGEST = 20, 2_000
_ATOM = re.compile(r"([a-z][a-z0-9_]*)(?::([^,|()!:<>=@]+))?(?:(>=|<=|!=|>|<|=)(-?\d{1,18}))?(?:@(\d{1,5}))?")


def segment_rule(given: str | Mapping[str, Any] | Rule, where: str = "segment") -> Rule:
    """The rule a name, a text or a table stands for.

    In a text, a comma is *and*, `|` is *or* and binds closer, `!` is *not*, brackets group:
    `channel:store|channel:app`, `!consent:marketing`, `event:Call%20Abandoned>=2@14` (twice or more in the last 14
    days; a name's other characters are written as in addresses). `field:name` alone means at least once. A table is
    {all = […]}, {any = […]}, {not = {…}} or {field, op, value, name, within_days}. InputError says what was not
    understood and what is allowed.

    >>> text_of(segment_rule("orders>=2,channel:store"))
    'orders>=2,channel:store'
    >>> segment_rule("buyers")
    Condition(field='orders', op='>=', value=1, name='', within_days=0)
    >>> segment_rule("ordres>=2")
    Traceback (most recent call last):
    ariane.errors.InputError: segment: Unknown field 'ordres': did you mean 'orders'? Allowed: events, orders, ...
    """
    if isinstance(given, str):
        return canonical(_Reader(NAMED.get(given, given), where).whole())
    if isinstance(given, Mapping):
        return canonical(_from_table(given, where, 0))
    for condition in conditions(given):
        checked(condition, where)
    return canonical(given)


def text_of(rule: Rule) -> str:
    """The rule as a short text; `segment_rule` reads it back to the same rule.

    >>> text_of(AnyOf((Condition("channel", name="store"), Not(All((Condition("orders"), Condition("events")))))))
    'channel:store|!(orders>=1,events>=1)'
    """
    return _write(canonical(rule), 0)


def _write(rule: Rule, closeness: int) -> str:
    """closeness: 0 at the top, 1 inside a list of *and*, 2 inside *or*, 3 after *not*."""
    if isinstance(rule, Condition):
        days = f"@{rule.within_days}" if rule.within_days else ""
        if not rule.name:
            return f"{rule.field}{rule.op}{rule.value}{days}"
        compared = "" if (rule.op, rule.value) == (">=", 1) else f"{rule.op}{rule.value}"
        return f"{rule.field}:{quote(rule.name, safe='')}{compared}{days}"
    if isinstance(rule, Not):
        return "!" + _write(rule.rule, 3)
    if not rule.rules:
        return ("" if closeness == 0 else "()") if isinstance(rule, All) else "!()"
    own, mark = (1, ",") if isinstance(rule, All) else (2, "|")
    text = mark.join(_write(child, own) for child in rule.rules)
    return f"({text})" if closeness >= own else text


class _Reader:
    """A recursive-descent reader of rule texts."""

    def __init__(self, text: str, where: str) -> None:
        if len(text) > LONGEST:
            raise InputError(f"A rule of {len(text)} characters is too long.", where=where, allowed=f"{LONGEST}")
        self.text, self.where, self.at, self.depth = text, where, 0, 0

    def whole(self) -> Rule:
        if not self.text.strip():
            return All()
        rule = self._all()
        if self.at < len(self.text):
            raise self._lost("the end, ',' or '|'")
        return rule

    def _all(self) -> Rule:
        rules = [self._any()]
        while self._take(","):
            rules.append(self._any())
        return canonical(All(tuple(rules)))

    def _any(self) -> Rule:
        rules = [self._one()]
        while self._take("|"):
            rules.append(self._one())
        return canonical(AnyOf(tuple(rules)))

    def _one(self) -> Rule:
        self.depth += 1
        if self.depth > DEEPEST:
            raise InputError("The rule is nested too deep.", where=self.where, allowed=f"{DEEPEST} levels")
        try:
            if self._take("!"):
                return canonical(Not(self._one()))
            if self._take("("):
                rule: Rule = All() if self.text.startswith(")", self.at) else self._all()
                if not self._take(")"):
                    raise self._lost("')'")
                return rule
            return self._condition()
        finally:
            self.depth -= 1

    def _condition(self) -> Rule:
        found = _ATOM.match(self.text, self.at)
        if found is None:
            raise self._lost("a condition such as orders>=2 or channel:store")
        field, name, op, value, days = found.groups()
        if name is None and op is None:
            close = get_close_matches(found.group(), NAMED, n=1) if self.at == 0 else []
            if close:
                raise InputError(
                    f"Unknown segment '{found.group()}': did you mean '{close[0]}'?",
                    where=self.where,
                    allowed=", ".join(NAMED),
                )
            raise InputError(
                f"'{found.group()}' is compared with nothing.", where=self.where, allowed=f"{field}>=1 or {field}:name"
            )
        self.at = found.end()
        name = unquote(name or "")
        return checked(Condition(field, op or ">=", int(value or 1), name, int(days or 0)), self.where)

    def _take(self, mark: str) -> bool:
        found = self.text.startswith(mark, self.at)
        self.at += len(mark) if found else 0
        return found

    def _lost(self, expected: str) -> InputError:
        rest = self.text[self.at : self.at + 20] or "the end"
        return InputError(f"'{rest}' at character {self.at + 1} is not understood.", where=self.where, allowed=expected)


def _from_table(given: Mapping[str, Any], where: str, depth: int) -> Rule:
    if depth > DEEPEST:
        raise InputError("The rule is nested too deep.", where=where, allowed=f"{DEEPEST} levels")
    groups = [key for key in ("all", "any", "not") if key in given]
    if groups:
        key = groups[0]
        inner = given[key]
        if len(given) > 1:
            raise InputError(f"A rule with '{key}' holds nothing else.", where=where, allowed=key)
        if key == "not" and isinstance(inner, Mapping):
            return Not(_from_table(inner, f"{where}.not", depth + 1))
        if key == "not" or not isinstance(inner, list) or not all(isinstance(one, Mapping) for one in inner):
            raise InputError(f"'{key}' does not hold rules.", where=where, allowed="tables of all, any, not or field")
        rules = tuple(_from_table(one, f"{where}.{key}[{n}]", depth + 1) for n, one in enumerate(inner, 1))
        return All(rules) if key == "all" else AnyOf(rules)
    extra = sorted(set(given) - set(Condition.__struct_fields__))
    if extra or not isinstance(given.get("field"), str):
        raise InputError(
            f"Unknown key '{extra[0]}' in a rule." if extra else "A rule names no field.",
            where=where,
            allowed="all, any, not, or " + ", ".join(Condition.__struct_fields__),
        )
    return _condition_from(given, where)


def _condition_from(given: Mapping[str, Any], where: str) -> Rule:
    op, value, name = given.get("op", ">="), given.get("value", 1), given.get("name", "")
    days = given.get("within_days", 0)
    if isinstance(value, str):  # {field = "channel", op = "=", value = "store"}: the name, said as a value
        if op not in ("=", "!=") or name:
            raise InputError(f"'{value}' cannot be compared by '{op}'.", where=where, allowed="= or !=")
        held = _condition_from({"field": given["field"], "name": value, "within_days": days}, where)
        return Not(held) if op == "!=" else held
    if not (isinstance(name, str) and isinstance(op, str) and type(value) is int and type(days) is int):
        raise InputError("A condition compares whole numbers.", where=where, allowed=" ".join(OPS))
    return checked(Condition(given["field"], op, value, name, days), where)
