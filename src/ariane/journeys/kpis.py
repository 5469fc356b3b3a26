"""The figures above a map: NPS, satisfaction, ease and conversion, with their interval, change and weekly values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from math import hypot
from typing import Any

import ibis
import msgspec

from ariane.intervals import mean, nps, wilson
from ariane.journeys.matrix import MONDAY, WEEK
from ariane.model import DAY, Interval

SCALES = ("nps", "csat", "ces")
SUMS = tuple(f"{name}_{of}" for of in ("all", "week") for name in ("n", "sum", "squares", "high", "low"))


class Week(msgspec.Struct, frozen=True):
    """A figure in one week, from its Monday."""

    from_on: date
    value: float | None
    n: int


class Kpi(msgspec.Struct, frozen=True):
    """A figure: now, before (when compared), the change, and whether the change can be told from chance.

    `key` is nps (−100…100), csat (mean of 1–5), csat_top2 (share of 4–5), ces (mean of 1–7) or conversion (0–1).
    """

    key: str
    now: Interval
    weekly: tuple[Week, ...]
    before: Interval | None = None

    @property
    def delta(self) -> float | None:
        if self.before is None or self.now.value is None or self.before.value is None:
            return None
        return self.now.value - self.before.value

    @property
    def distinguishable(self) -> bool | None:
        """Whether the 95 % interval of the change leaves out zero; the halves of both intervals add in squares."""
        if self.delta is None or self.before is None:
            return None
        now, before = _half(self.now), _half(self.before)
        return now is not None and before is not None and abs(self.delta) > float(hypot(now, before))


def _half(interval: Interval) -> float | None:
    return None if interval.lo is None or interval.hi is None else (interval.hi - interval.lo) / 2


def answers(events: ibis.Table) -> ibis.Table:
    """Sums of nps, csat and ces by question and week: of each person's last answer in the period, and in the week.

    A person counts once however often they answer. Transactional NPS is left out: it is another series.
    """
    given = events.filter(
        (events.event == "Survey Answered") & events.prop_score.notnull() & events.prop_question.isin(SCALES)
    )
    given = given.filter(
        (given.prop_question != "nps") | given.prop_kind.isnull() | (given.prop_kind != "transactional")
    )
    rows = given.select(
        "person_id", "occurred_us", "event_id", question="prop_question", score="prop_score",
        week=((given.occurred_us - MONDAY) // WEEK).cast("int64"),
    )  # fmt: skip
    newest = [ibis.desc("occurred_us"), ibis.desc("event_id")]
    ranked = rows.mutate(
        last=ibis.row_number().over(ibis.window(group_by=["question", "person_id"], order_by=newest)),
        last_of_week=ibis.row_number().over(ibis.window(group_by=["question", "person_id", "week"], order_by=newest)),
    )
    kept = ranked.filter(ranked.last_of_week == 0)
    return kept.group_by(["question", "week"]).aggregate(
        **_sums(kept.score, kept.question, kept["last"] == 0, "all"), **_sums(kept.score, kept.question, None, "week")
    )


def _sums(score: Any, question: Any, where: Any, name: str) -> dict[str, Any]:
    high = (question == "nps") & (score >= 9) | (question == "csat") & (score >= 4)
    low = (question == "nps") & (score <= 6)
    return {
        f"n_{name}": score.count(where=where),
        f"sum_{name}": score.sum(where=where),
        f"squares_{name}": (score * score).sum(where=where),
        f"high_{name}": high.cast("int64").sum(where=where),
        f"low_{name}": low.cast("int64").sum(where=where),
    }


def read_kpis(rows: Iterable[Mapping[str, Any]], counted: Iterable[Mapping[str, Any]]) -> tuple[Kpi, ...]:
    """The figures from the rows of `answers` and of a map's `counts`."""
    answered = sorted(rows, key=lambda row: int(row["week"]))
    found = []
    for key in ("nps", "csat", "csat_top2", "ces"):
        held = [row for row in answered if row["question"] == key.removesuffix("_top2")]
        now = _score(key, _total(held, "all"))
        weekly = tuple(_week(row["week"], _score(key, _total([row], "week"))) for row in held)
        found.append(Kpi(key, now, weekly))
    parts = sorted(counted, key=lambda row: int(row["week"] or 0))
    everyone = next((row for row in parts if row["part"] == "all"), None)
    now = wilson(everyone["a"] or 0, everyone["n_persons"] or 0) if everyone else wilson(0, 0)
    weekly = tuple(_week(row["week"], wilson(row["a"], row["n_persons"])) for row in parts if row["part"] == "week")
    return (*found, Kpi("conversion", now, weekly))


def compared(now: tuple[Kpi, ...], before: tuple[Kpi, ...]) -> tuple[Kpi, ...]:
    """The figures of now, each with its value of before."""
    return tuple(msgspec.structs.replace(kpi, before=old.now) for kpi, old in zip(now, before, strict=True))


def _total(rows: list[Mapping[str, Any]], name: str) -> dict[str, float]:
    return {k: float(sum(row[f"{k}_{name}"] or 0 for row in rows)) for k in ("n", "sum", "squares", "high", "low")}


def _score(key: str, total: dict[str, float]) -> Interval:
    n = int(total["n"])
    if key == "nps":
        return nps(total["high"], n - total["high"] - total["low"], total["low"])
    if key == "csat_top2":
        return wilson(total["high"], n)
    return mean(total["sum"], total["squares"], n)


def _week(number: int, interval: Interval) -> Week:
    return Week(date(1970, 1, 1) + timedelta(days=int(number) * 7 + MONDAY // DAY), interval.value, interval.n)
