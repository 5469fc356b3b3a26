"""The rules: how one conversion is shared out among the touches before it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from fractions import Fraction
from typing import Literal, get_args

from ariane.errors import InputError

Model = Literal["first", "last", "last_non_direct", "linear", "position", "decay"]
MODELS: tuple[Model, ...] = get_args(Model)

POSITION = (Fraction(2, 5), Fraction(1, 5), Fraction(2, 5))
"""What the first touch, those between and the last get: 40, 20 and 40 %, the convention for this rule."""

DIRECT = ("direct",)


def shares(
    model: str,
    channels: Sequence[str],
    ages_s: Sequence[float] | None = None,
    *,
    position: tuple[Fraction, Fraction, Fraction] = POSITION,
    half_life_s: float = 7.5 * 86_400,
    direct: Collection[str] = DIRECT,
) -> list[Fraction]:
    """Each touch's share of one conversion, oldest touch first. The shares add up to exactly 1.

    first, last: all to one touch. last_non_direct: all to the last touch whose channel is not in `direct`, or to the
    last when there is none. linear: 1/n each. position: first, between (together) and last as `position` says; one
    touch gets all, two get the ends' parts scaled to 1. decay: in proportion to 2^(−age / half-life), where `ages_s`
    are the seconds from each touch to the conversion. InputError for another model, or an empty path.

    >>> [float(share) for share in shares("position", ["web", "email", "store", "web"])]
    [0.4, 0.1, 0.1, 0.4]
    >>> [float(share) for share in shares("decay", ["web", "store"], [86_400, 0], half_life_s=86_400)]
    [0.3333333333333333, 0.6666666666666666]
    """
    known(model)
    n = len(channels)
    if n == 0:
        raise InputError("A path without touches cannot share a conversion out.", where="path")
    if model == "linear":
        return [Fraction(1, n)] * n
    if model == "position":
        return _positions(n, position)
    if model == "decay":
        return _decayed(n, ages_s, half_life_s)
    at = 0 if model == "first" else n - 1
    if model == "last_non_direct":
        at = next((i for i in range(n - 1, -1, -1) if channels[i] not in direct), n - 1)
    return [Fraction(int(i == at)) for i in range(n)]


def _positions(n: int, position: tuple[Fraction, Fraction, Fraction]) -> list[Fraction]:
    first, between, last = (Fraction(part) for part in position)
    if min(first, between, last) < 0 or first + between + last != 1 or first + last == 0:
        raise InputError(f"The parts {first}, {between}, {last} do not share out one whole.", where="position")
    if n == 1:
        return [Fraction(1)]
    if n == 2:
        return [first / (first + last), last / (first + last)]
    return [first, *[between / (n - 2)] * (n - 2), last]


def _decayed(n: int, ages_s: Sequence[float] | None, half_life_s: float) -> list[Fraction]:
    if half_life_s <= 0:
        raise InputError(f"A half-life of {half_life_s} seconds never decays.", where="half_life_s", allowed="above 0")
    if ages_s is None or len(ages_s) != n:
        raise InputError("The rule 'decay' needs the age of every touch.", where="ages_s")
    youngest = min(ages_s)  # the youngest weighs 1, so that a short half-life cannot make every weight 0
    weights = [Fraction(2.0 ** (-(age - youngest) / half_life_s)) for age in ages_s]
    return [weight / sum(weights) for weight in weights]


def known(model: str) -> None:
    """InputError unless `model` is one of the rules."""
    if model not in MODELS:
        close = get_close_matches(model, MODELS, n=1)
        raise InputError(
            f"Unknown model '{model}'" + (f": did you mean '{close[0]}'?" if close else "."),
            where="model",
            allowed=", ".join(MODELS),
        )
