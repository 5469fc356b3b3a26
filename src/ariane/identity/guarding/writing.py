"""Rules as a file that says all of them: what Ariane ships may change from release to release, what was applied may
not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from ariane.identity.rules import Rules


def written(rules: Rules) -> str:
    """The rules as TOML, in the order of their fields.

    >>> Rules.whole(written(Rules.default()), "again").kinds == Rules.default().kinds
    True
    """
    table: dict[str, Any] = msgspec.to_builtins(rules)
    return "\n".join(_table((), table)).strip() + "\n"


def _table(at: tuple[str, ...], table: dict[str, Any]) -> Iterator[str]:
    if at and (not table or any(not isinstance(value, dict) for value in table.values())):
        yield f"\n[{'.'.join(_text(name) for name in at)}]"
    for name, value in table.items():
        if not isinstance(value, dict) and value is not None:
            yield f"{_text(name)} = {_value(value)}"
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _table((*at, name), value)


def _text(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else _value(name)


def _value(value: Any) -> str:
    """TOML's basic strings are JSON's, but that it escapes one character more."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
