"""Key figures: a number with its bounds, what it rests on, how it changed, and the line it drew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

import msgspec

from ariane.console import shapes
from ariane.console.asked import Period
from ariane.console.tongue import Tongue
from ariane.console.words import N_
from ariane.journeys.measured import Kpi, Week
from ariane.model import DAY, Interval

Form = Literal["number", "percent", "signed"]
MINIMUM = 5


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A tile. `value` is empty when there is nothing to say, and `absent` says why; `tone` is good, bad or muted."""

    key: str
    label: str
    value: str = ""
    unit: str = ""
    absent: str = ""
    bounds: str = ""
    basis: str = ""
    delta: str = ""
    rises: bool = False
    tone: str = "muted"
    spark: str = ""
    why: str = ""


class Look(msgspec.Struct, frozen=True):
    """How a figure is said: its label, form, decimals, scale, and what it counts."""

    label: str
    form: Form = "number"
    digits: int = 0
    unit: str = ""
    why: str = ""


LOOKS = {
    "nps": Look(N_("Net Promoter Score"), "signed", 0, "", N_("Promoters less detractors, each person's last answer")),
    "csat": Look(N_("Satisfaction (CSAT)"), "number", 2, "/ 5", N_("Mean of each person's last answer, 1 to 5")),
    "ces": Look(N_("Ease (CES)"), "number", 2, "/ 7", N_("Mean of each person's last answer, 1 to 7")),
    "conversion": Look(N_("Conversion"), "percent", 1, "", N_("Persons who reached the goal, of all on the journey")),
}


def full_weeks(weeks: Sequence[Week], period: Period) -> list[Week]:
    """The weeks that lie whole in the period: a week cut short would look like a fall."""
    if period.since_us is None or period.until_us is None:
        return list(weeks)
    first, last = period.since_us // DAY, period.until_us // DAY
    days = [(week, (week.from_on - date(1970, 1, 1)).days) for week in weeks]
    return [week for week, day in days if first <= day and day + 7 <= last]


def of_kpis(tongue: Tongue, kpis: Iterable[Kpi], period: Period) -> list[Figure]:
    """Tiles of a map's figures. What nobody was asked is left out."""
    found = []
    for kpi in kpis:
        look = LOOKS.get(kpi.key)
        if look is None or (kpi.now.n == 0 and (kpi.before is None or kpi.before.n == 0)):
            continue
        weekly = [week.value if week.n >= MINIMUM else None for week in full_weeks(kpi.weekly, period)]
        found.append(figure(tongue, kpi.key, look, kpi.now, kpi.before, weekly, kpi.distinguishable))
    return found


def figure(
    tongue: Tongue,
    key: str,
    look: Look,
    now: Interval,
    before: Interval | None,
    course: list[float | None],
    sure: bool | None,
) -> Figure:
    """A tile of a measured number. A change that chance could make is not coloured."""
    label, why = tongue._(look.label), tongue._(look.why) if look.why else ""
    if now.value is None or now.n < MINIMUM:
        said = tongue._("No answer in this period") if now.n == 0 else tongue._("Too few to say")
        return Figure(key=key, label=label, absent=said, basis=f"n {tongue.number(now.n)}", why=why)
    change = (
        now.value - before.value if before is not None and before.value is not None and before.n >= MINIMUM else 0.0
    )
    said = tongue.number(abs(change) * (100 if look.form == "percent" else 1), look.digits)
    told = any(character in "123456789" for character in said)
    if look.form == "percent":
        said = said + " " + tongue._("pts")
    say = {"percent": tongue.percent, "signed": tongue.signed, "number": tongue.number}[look.form]
    return Figure(
        key=key,
        label=label,
        value=say(now.value, look.digits),
        unit=look.unit,
        bounds=tongue.interval(now, look.form, look.digits),
        basis=f"n {tongue.number(now.n)}",
        delta=said if told else "",
        rises=change > 0,
        tone=("good" if change > 0 else "bad") if sure and told else "muted",
        spark=shapes.sparkline(course),
        why=why,
    )


def counted(
    tongue: Tongue, key: str, label: str, n: int, *, course: Iterable[float | None] = (), basis: str = "", why: str = ""
) -> Figure:
    """A tile of a plain count."""
    return Figure(
        key=key,
        label=tongue._(label),
        value=tongue.number(n),
        basis=basis,
        spark=shapes.sparkline(list(course)),
        why=why,
    )
