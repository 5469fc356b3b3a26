"""What people write: a small grammar in French and English, by step and by mood.

A text is an opening (perhaps), what happened at the step, and a closing (perhaps); the parts are in verbatims.toml.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files

from ariane.demo.chance import Chance

Parts = dict[str, dict[str, dict[str, list[str]]]]


def say(chance: Chance, language: str, topic: str, e: float) -> str:
    """A short text in `language` (fr or en) about a step, as good or bad as `e` (−2…+2).

    >>> say(Chance(1, 0, 1), "fr", "visits_store", 1.5) == say(Chance(1, 0, 1), "fr", "visits_store", 1.5)
    True
    """
    tone = "good" if e > 0.5 else "bad" if e < -0.5 else "mixed"
    grammar = _grammar()[language]
    middle = chance.pick(grammar.get(topic, grammar["brand"])[tone])
    parts = [middle]
    if chance.uniform() < 0.35:
        parts.insert(0, chance.pick(grammar["opening"][tone]))
    if chance.uniform() < 0.4:
        parts.append(chance.pick(grammar["closing"][tone]))
    text = " ".join(parts)
    return text.lower().rstrip(".") if chance.uniform() < 0.12 else text


@lru_cache(1)
def _grammar() -> Parts:
    return tomllib.loads(files("ariane.demo").joinpath("verbatims.toml").read_text("utf-8"))
