"""One measured figure."""

from __future__ import annotations

import msgspec


class Row(msgspec.Struct, frozen=True):
    """`what` was measured, how much in which `unit`; beside it what it is compared `against` and the `ratio` to that.

    Ratios of one run on one machine can be compared between machines; seconds cannot. `bound` is what was promised,
    `holds` whether this run kept it.
    """

    what: str
    value: float
    unit: str
    against: str = ""
    ratio: float | None = None
    bound: str = ""
    holds: bool | None = None
    note: str = ""
