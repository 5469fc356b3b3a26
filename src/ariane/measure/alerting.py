"""Alerts: a share against its baseline."""

from __future__ import annotations

from typing import Literal

import msgspec

from ariane.errors import InputError
from ariane.intervals import difference, wilson
from ariane.model import Interval

SIGMAS = 3.0
"""Three standard errors, the convention of control charts (Shewhart 1931): one false alarm in about 370 looks."""


class Alert(msgspec.Struct, frozen=True):
    """A share now, at its baseline, their difference (95 % bounds each), and whether that is worth waking someone."""

    fires: bool
    direction: Literal["up", "down", "none"]
    now: Interval
    baseline: Interval
    difference: Interval


def alert(k: int, n: int, baseline_k: int, baseline_n: int, *, sigmas: float = SIGMAS, minimum: int = 20) -> Alert:
    """Whether k of n differs from baseline_k of baseline_n: it does when Newcombe's interval at `sigmas` standard
    errors (Wilson bounds on each share) leaves out 0. Never on fewer than `minimum` cases on either side.

    InputError when more happened than could.

    >>> alert(30, 100, 100, 1000).fires, alert(14, 100, 100, 1000).fires
    (True, False)
    """
    if not (0 <= k <= n and 0 <= baseline_k <= baseline_n):
        raise InputError(f"{k} of {n} against {baseline_k} of {baseline_n} are not shares.", where="alert")
    wide = difference(k, n, baseline_k, baseline_n, z=sigmas)
    fires = wide.lo is not None and wide.hi is not None and wide.n >= minimum and not wide.lo <= 0 <= wide.hi
    direction: Literal["up", "down", "none"] = "none"
    if fires and wide.value is not None:
        direction = "up" if wide.value > 0 else "down"
    baseline = wilson(baseline_k, baseline_n)
    return Alert(fires, direction, wilson(k, n), baseline, difference(k, n, baseline_k, baseline_n))
