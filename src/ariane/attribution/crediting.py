"""Credit: conversions and their revenue shared out among channels, with bounds from resampling persons."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from math import fsum, log
from typing import TYPE_CHECKING, Any

import ibis
import msgspec
import numpy as np
import pyarrow as pa

from ariane.attribution.rules import DIRECT, POSITION, known, shares
from ariane.attribution.touching import CONVERSION, LOOKBACK_S, paths
from ariane.errors import InputError
from ariane.model import SECOND
from ariane.result import Result

if TYPE_CHECKING:
    from ariane.consent import Population

SCHEMA = pa.schema(
    [
        ("channel", pa.string()),
        ("credit", pa.float64()),
        ("credit_lo", pa.float64()),
        ("credit_hi", pa.float64()),
        ("share", pa.float64()),
        ("revenue_minor", pa.int64()),
        ("n_touches", pa.int64()),
    ]
)
CELLS_AT_ONCE = 4_000_000


class Totals(msgspec.Struct, frozen=True):
    """What a credit adds up to. Revenue is of `currency`, the one most conversions are in; `n_other_currency`
    conversions in others count, their money does not. `n_untouched` conversions had no touch before them."""

    n_conversions: int
    n_untouched: int
    revenue_minor: int
    currency: str
    n_other_currency: int


def credit(
    population: Population,
    *,
    model: str = "linear",
    conversion: str = CONVERSION,
    lookback_s: int = LOOKBACK_S,
    gap_s: int = 1800,
    touches: Sequence[str] | None = None,
    position: tuple[Fraction, Fraction, Fraction] = POSITION,
    half_life_s: float | None = None,
    direct: Collection[str] = DIRECT,
    replicates: int = 200,
    seed: int = 0,
) -> Result:
    """Credit by channel: channel, credit (conversions), credit_lo, credit_hi, share, revenue_minor, n_touches.

    `paths` and `shares` define what is shared out and how; the half-life of decay is a quarter of the look-back unless
    given. Credits add up to the conversions (to 1e-9), revenue to the minor unit; neither depends on the order of rows
    or on channels' names. Bounds: 2.5 and 97.5 % points of `replicates` Poisson bootstraps over persons (Hanley &
    MacGibbon 2006), none when 0. `Result.value` is the Totals. Observational: no credit here is a cause.
    """
    known(model)
    half_life_s = lookback_s / 4 if half_life_s is None else half_life_s
    if half_life_s <= 0:
        raise InputError(f"A half-life of {half_life_s} seconds never decays.", where="half_life_s", allowed="above 0")
    touched = paths(population, conversion=conversion, lookback_s=lookback_s, gap_s=gap_s, touches=touches)
    expression = _pieces(touched, model, half_life_s, direct)
    pieces = population.engine.run(expression)
    rows = _summed(pieces)
    # Whole numbers of pieces, each worth a fraction: nothing is rounded before the end.
    cuts = {(row["touch_no"], row["n_touches"]) for row in rows}
    by_length = {n: shares(model, ["?"] * n, position=position) if n else [Fraction(1)] for _, n in cuts}
    worth = {(touch_no, n): by_length[n][max(0, touch_no - 1)] for touch_no, n in cuts}
    totals = _totals(rows)
    table = _table(rows, worth, totals, model == "decay")
    if replicates and rows:
        _add_bounds(table, pieces, worth, replicates, seed)
    listed = sorted(table.values(), key=lambda row: (-row["credit"], row["channel"]))
    return Result(
        pa.Table.from_pylist(listed, schema=SCHEMA),
        sql=lambda: str(ibis.to_sql(expression)),
        n_held_back=population.n_held_back(),
        value=totals,
    )


def _pieces(touched: ibis.Table, model: str, half_life_s: float, direct: Collection[str]) -> ibis.Table:
    """Touches counted by person, channel and place in the path. touch_no 0: a piece whose worth is its `n` itself."""
    whole = ibis.window(group_by="conversion_id")
    amount = ibis.literal(1, type="int64")
    if model == "last_non_direct":
        at = ibis.ifelse(touched.channel.isin(list(direct)), 0, touched.touch_no)
        touched = touched.mutate(at=at.max().over(whole))
        chosen = ibis.ifelse(touched["at"] == 0, touched.n_touches, touched["at"])
        amount = (touched.touch_no == chosen).cast("int64")
    if model == "decay":
        # The last touch weighs 1, so that a short half-life cannot make every weight 0.
        behind_s = (touched.touched_us.max().over(whole) - touched.touched_us) / SECOND
        touched = touched.mutate(weight=(behind_s * (-log(2) / half_life_s)).exp())
        amount = touched.weight / touched.weight.sum().over(whole)
    alone = model in ("last_non_direct", "decay")
    zero = ibis.literal(0, type="int64")
    cut = touched.mutate(
        amount=amount,
        touch_no=zero if alone else touched.touch_no,
        n_touches=zero if alone else touched.n_touches,
        last=(touched.touch_no == touched.n_touches).cast("int64"),
    )
    cut = cut.mutate(earned=cut.amount * cut.revenue_minor, whole=cut["last"] * cut.revenue_minor)
    return cut.group_by(["person_id", "channel", "touch_no", "n_touches", "currency", "untouched"]).aggregate(
        n=cut.amount.sum(),
        revenue=cut.earned.sum(),
        n_touches_here=cut.count(),
        n_conversions=cut["last"].sum(),
        revenue_converted=cut.whole.sum(),
    )


def _summed(pieces: pa.Table) -> list[dict[str, Any]]:
    """The pieces of everybody, counted together. Those of decay are no whole numbers: fsum rounds their sum once, so
    that it does not depend on their order."""
    keys = ["channel", "touch_no", "n_touches", "currency", "untouched"]
    sums = ("n", "revenue", "n_touches_here", "n_conversions", "revenue_converted")
    listed = pieces.group_by(keys).aggregate([(name, "list") for name in sums]).to_pylist()
    exact = fsum if pa.types.is_floating(pieces.schema.field("n").type) else sum
    return [
        {key: row[key] for key in keys}
        | {name: (exact if name in sums[:2] else sum)(row[f"{name}_list"]) for name in sums}
        for row in listed
    ]


def _totals(rows: Sequence[Mapping[str, Any]]) -> Totals:
    by_currency: Counter[str] = Counter()
    revenue: Counter[str] = Counter()
    untouched = 0
    for row in rows:
        by_currency[row["currency"]] += row["n_conversions"]
        revenue[row["currency"]] += row["revenue_converted"]
        untouched += row["n_conversions"] if row["untouched"] else 0
    currency = min(by_currency, key=lambda name: (-by_currency[name], name), default="")
    n = sum(by_currency.values())
    return Totals(n, untouched, revenue[currency], currency, n - by_currency[currency])


def _table(
    rows: Sequence[Mapping[str, Any]], worth: Mapping[tuple[int, int], Fraction], totals: Totals, is_float: bool
) -> dict[str, dict[str, Any]]:
    """Each channel's credit and revenue, exact until the last step."""
    credits: dict[str, list[Fraction]] = defaultdict(list)
    money: dict[str, list[Fraction]] = defaultdict(list)
    touches: Counter[str] = Counter()
    counted: dict[tuple[str, int, int], list[Any]] = defaultdict(lambda: [[], []])
    for row in rows:
        held = counted[(row["channel"], row["touch_no"], row["n_touches"])]
        held[0].append(row["n"])
        held[1].append(row["revenue"] if row["currency"] == totals.currency else 0)
        touches[row["channel"]] += row["n_touches_here"]
    add: Any = fsum if is_float else sum  # fsum: exactly rounded, whatever the order
    for (channel, touch_no, n_touches), (amounts, revenues) in counted.items():
        credits[channel].append(worth[(touch_no, n_touches)] * Fraction(add(amounts)))
        money[channel].append(worth[(touch_no, n_touches)] * Fraction(add(revenues)))
    whole = sum((sum(parts) for parts in credits.values()), Fraction(0))
    minor = _apportion({channel: sum(parts, Fraction(0)) for channel, parts in money.items()}, totals.revenue_minor)
    table = {}
    for channel, parts in credits.items():
        part = sum(parts, Fraction(0)) / whole
        row = {"channel": channel, "credit": float(part * totals.n_conversions), "share": float(part)}
        table[channel] = row | {"revenue_minor": minor[channel], "n_touches": touches[channel]}
    return table


def _apportion(parts: Mapping[str, Fraction], total: int) -> dict[str, int]:
    """Whole minor units that add up to the total, by largest remainder (Hamilton); ties by name."""
    floors = {name: part.__floor__() for name, part in parts.items()}
    left = total - sum(floors.values())
    ranked = sorted(parts, key=lambda name: (floors[name] - parts[name], name))
    step = 1 if left >= 0 else -1
    for name in (ranked if left >= 0 else ranked[::-1])[: abs(left)]:
        floors[name] += step
    return floors


def _add_bounds(
    table: dict[str, dict[str, Any]],
    pieces: pa.Table,
    worth: Mapping[tuple[int, int], Fraction],
    replicates: int,
    seed: int,
) -> None:
    """Poisson bootstrap: each person is there 0, 1, 2… times; credit is linear in persons, so one product suffices."""
    names = pieces.column("person_id").combine_chunks().dictionary_encode()
    # Persons in the order of their ids: the same draws whatever the order of the rows.
    rank = np.argsort(np.argsort(np.array(names.dictionary.to_pylist(), dtype=object)))
    who = rank[names.indices.to_numpy()]
    channels = {channel: j for j, channel in enumerate(table)}
    column = pieces.column("channel").combine_chunks().dictionary_encode()
    which = np.array([channels[name] for name in column.dictionary.to_pylist()])[column.indices.to_numpy()]
    value = np.array([float(worth[cut]) for cut in zip(*_cuts(pieces), strict=True)])
    held = np.zeros((len(rank), len(channels)))
    np.add.at(held, (who, which), value * pieces.column("n").to_numpy())
    random = np.random.default_rng(seed)
    drawn, step = [], max(1, CELLS_AT_ONCE // len(rank))
    for start in range(0, replicates, step):
        draws = random.poisson(1.0, (min(step, replicates - start), len(rank)))
        drawn.append(draws.astype(np.float64) @ held)
    lo, hi = np.percentile(np.concatenate(drawn), [2.5, 97.5], axis=0)
    for channel, j in channels.items():
        table[channel]["credit_lo"], table[channel]["credit_hi"] = float(lo[j]), float(hi[j])


def _cuts(pieces: pa.Table) -> tuple[list[int], list[int]]:
    return pieces.column("touch_no").to_pylist(), pieces.column("n_touches").to_pylist()


def credit_of(
    given: Iterable[tuple[Sequence[str], float, float]],
    model: str = "linear",
    *,
    position: tuple[Fraction, Fraction, Fraction] = POSITION,
    direct: Collection[str] = DIRECT,
) -> dict[str, tuple[float, float]]:
    """Credit for paths from elsewhere: (channels oldest first, conversions, value) → channel → (conversions, value).

    Every rule but decay, which needs times.

    >>> credit_of([(["web", "store"], 2, 10.0), (["web"], 1, 4.0)])
    {'web': (2.0, 9.0), 'store': (1.0, 5.0)}
    """
    parts: dict[str, tuple[list[float], list[float]]] = {}
    for channels, n, value in given:
        for channel, share in zip(channels, shares(model, channels, position=position, direct=direct), strict=True):
            held = parts.setdefault(channel, ([], []))
            if share:
                held[0].append(float(n * share) if isinstance(n, int) else n * float(share))
                held[1].append(value * float(share))
    return {channel: (fsum(counts), fsum(values)) for channel, (counts, values) in parts.items()}
