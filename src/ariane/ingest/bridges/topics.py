"""Templates of topics: which to subscribe to, and what the levels of a topic's name say."""

from __future__ import annotations

import re

import msgspec

from ariane.errors import InputError

_LEVEL = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")
MAX_TOPIC = 65_535


class Topic(msgspec.Struct, frozen=True):
    """A template, the filter to subscribe with, and for each level the name it gives, or None."""

    template: str
    filter: str
    names: tuple[str | None, ...]

    def match(self, topic: str) -> dict[str, str] | None:
        """What the levels of a topic say by name; None when it is not one of these topics."""
        levels, wanted = topic.split("/"), self.filter.split("/")
        if wanted[-1] == "#":
            wanted.pop()
            levels = levels[: len(wanted)]
        if len(levels) != len(wanted):
            return None
        if any(given != asked for given, asked in zip(levels, wanted, strict=True) if asked != "+"):
            return None
        return {name: level for name, level in zip(self.names, levels, strict=False) if name is not None}


def read_topic(template: str) -> Topic:
    """A template of topic names: `+` is any level, `#` at the end any more of them, `{name}` any level and its name.

    Raises InputError when it is none.

    >>> read_topic("home/+/lamp/#").match("home/7/lamp/L-9/state")
    {}
    >>> read_topic("home/{home}/lamp").match("home/7/fridge") is None
    True
    """
    levels = template.split("/")
    names: list[str | None] = []
    wanted: list[str] = []
    for place, level in enumerate(levels):
        named = _LEVEL.fullmatch(level)
        whole = level in ("+", "#") or not re.search(r"[+#{}\0]", level)
        if (not named and not whole) or (level == "#" and place != len(levels) - 1) or not template:
            raise InputError(
                f"'{template}' is no template of topics: see '{level}'.",
                allowed="levels parted by /, each a text, + or {name}; # only as the last",
                next_step="For instance: home/{home}/lamp/{object_serial}/{event}",
            )
        names.append(named[1] if named else None)
        wanted.append("+" if named else level)
    given = [name for name in names if name]
    if len(set(given)) < len(given):
        raise InputError(f"'{template}' gives two levels the same name.", allowed="each name once")
    if len(template.encode()) > MAX_TOPIC:
        raise InputError("The template is longer than a topic may be.", allowed=f"at most {MAX_TOPIC:,} bytes")
    return Topic(template, "/".join(wanted), tuple(names))
