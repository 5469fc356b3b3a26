"""Friction (being written): findings and the persons behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import msgspec

from ariane.journeys.blueprint import Journey

if TYPE_CHECKING:
    from ariane.consent import Population


class Finding(msgspec.Struct, frozen=True):
    detector: str
    step: str


def finding_persons(population: Population, journey: Journey, finding: Finding) -> ibis.Table:
    raise NotImplementedError


def frictions(population: Population, journey: Journey) -> tuple[Finding, ...]:
    return ()
