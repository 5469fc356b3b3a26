"""Segments: rules over what a person did, as data that anybody can read.

A rule is a tree of `All`, `AnyOf`, `Not` and `Condition`, read by `segment_rule` from a name (`buyers`), from a short
text that fits in an address (`channel:store,orders>=2`) or from TOML or JSON, and written back by `text_of`. One rule
runs at two speeds and gives the same answer: `members` and `as_filter` turn it into one expression over the lake,
`check` evaluates it on the events of one person and says which condition held and by how much.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane.consent import population
>>> from ariane.store import DuckEngine, Lake
>>> from ariane.segments import All, AnyOf, Condition, Not, as_filter, check, members, segment_rule, text_of
>>> nobody = population(DuckEngine(Lake(Path(mkdtemp()))), "measurement")
>>> rule = All((Condition("orders", ">=", 2), AnyOf((Condition("channel", name="store"), Not(Condition("events"))))))
>>> text_of(rule), segment_rule(text_of(rule)) == rule
('orders>=2,channel:store|!events>=1', True)
>>> members(nobody, rule).columns
('person_id',)
>>> population(nobody.engine, "measurement", segment=as_filter(rule)).n_persons()
0
>>> check(rule, [{"event": "Order Completed", "occurred_us": 5, "channel": "store"}], now_us=9).conditions[0].value
1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.segments.checking import check
    from ariane.segments.membership import as_filter, members
    from ariane.segments.rules import All, AnyOf, Condition, Not
    from ariane.segments.spelling import NAMED, segment_rule, text_of

__all__ = [
    "NAMED",
    "All",
    "AnyOf",
    "Condition",
    "Not",
    "as_filter",
    "check",
    "members",
    "segment_rule",
    "text_of",
]

__getattr__ = face(
    __name__,
    {
        "All": "rules",
        "AnyOf": "rules",
        "Condition": "rules",
        "NAMED": "spelling",
        "Not": "rules",
        "as_filter": "membership",
        "check": "checking",
        "members": "membership",
        "segment_rule": "spelling",
        "text_of": "spelling",
    },
)
