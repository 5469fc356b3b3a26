"""Counts of trials by day, step and every property at once, and the slices that can be cut out of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ariane.journeys.scan import Ints, Stretch, days_of, sharpened, strongest

PAIRS = (("ctx_os", "ctx_app_version"),)
MOST_VALUES = 40
LEAST_TRIALS = 30


class Slice(msgspec.Struct, frozen=True, order=True):
    """The trials at a step whose properties have these values; everybody's when there are none."""

    step: int
    values: tuple[tuple[str, str], ...] = ()


class Cells:
    """One detector's counts. Removing a finding's trials changes them; what depends on them is computed again."""

    def __init__(
        self, detector: str, rows: pa.Table, properties: Sequence[str], steps: Sequence[int], bad: str = "bad"
    ) -> None:
        self.detector = detector
        kept = rows.filter(pc.is_in(rows.column("step_index"), pa.array(list(steps), pa.int64())))
        self.step = _numbers(kept, "step_index")
        self.day = _numbers(kept, "day")
        self.went = _numbers(kept, "went")
        self.n, self.k = _numbers(kept, "n"), _numbers(kept, bad)
        self.amount = _numbers(kept, "amount") if "amount" in kept.column_names else None
        self.first_day = int(self.day.min()) if len(self.day) else 0
        self.n_days = int(self.day.max()) - self.first_day + 1 if len(self.day) else 0
        self._codes: dict[str, Ints] = {}
        self._names: dict[str, list[str]] = {}
        for name in properties:
            encoded = pc.dictionary_encode(kept.column(name).combine_chunks())
            self._codes[name] = np.asarray(encoded.indices.fill_null(-1)).astype(np.int64)
            self._names[name] = encoded.dictionary.to_pylist()
        self.slices = self._cut()
        self._stretches: dict[Slice, Stretch] = {}

    def _cut(self) -> list[Slice]:
        """The slices worth trying: enough trials, a bad one among them, and no two made of the same trials."""
        found: list[Slice] = []
        for step in np.unique(self.step).tolist():
            here = self.step == step
            seen: set[bytes] = set()
            for values in [(), *self._singles(here), *self._pairs(here)]:
                one = Slice(int(step), values)
                mask = self.mask(one)
                key = np.packbits(mask).tobytes()
                if self.n[mask].sum() >= LEAST_TRIALS and self.k[mask].sum() > 0 and key not in seen:
                    seen.add(key)
                    found.append(one)
        return found

    def _singles(self, here: Any) -> list[tuple[tuple[str, str], ...]]:
        return [((name, value),) for name in self._codes for value in self._common(name, here)]

    def _pairs(self, here: Any) -> list[tuple[tuple[str, str], ...]]:
        pairs = [(one, two) for one, two in PAIRS if one in self._codes and two in self._codes]
        return [
            ((one, a), (two, b)) for one, two in pairs for a in self._common(one, here) for b in self._common(two, here)
        ]

    def _common(self, name: str, here: Any) -> list[str]:
        """A property's values at a step, the most frequent ones, in the order of the alphabet."""
        codes = self._codes[name][here]
        counts = np.bincount(codes[codes >= 0], weights=self.n[here][codes >= 0], minlength=len(self._names[name]))
        top = [code for code in np.argsort(-counts, kind="stable")[:MOST_VALUES].tolist() if counts[code] > 0]
        return sorted(self._names[name][code] for code in top)

    def mask(self, slice_: Slice) -> Any:
        held = self.step == slice_.step
        for name, value in slice_.values:
            held = held & (self._codes[name] == self._names[name].index(value))
        return held

    def series(self, slice_: Slice) -> tuple[Ints, Ints]:
        """A slice's daily trials and bad ones."""
        mask = self.mask(slice_)
        day = self.day[mask]
        return (
            days_of(day, self.first_day, self.n_days, self.n[mask]),
            days_of(day, self.first_day, self.n_days, self.k[mask]),
        )

    def stretches(self) -> dict[Slice, Stretch]:
        """Each slice's strongest stretch; only those not known yet are computed."""
        wanted = [one for one in self.slices if one not in self._stretches]
        if wanted:
            series = [self.series(one) for one in wanted]
            found = strongest(np.stack([n for n, _ in series]), np.stack([k for _, k in series]))
            self._stretches.update(zip(wanted, found, strict=True))
        return self._stretches

    def dispersion(self, slice_: Slice, of: Callable[[Ints, Ints], float]) -> float:
        """How much more the step's trials vary than chance, the slice's strongest stretch aside."""
        stretch = self._stretches[slice_]
        aside = self.mask(slice_) & self._within(stretch.first, stretch.last)
        mask = (self.step == slice_.step) & ~aside
        day = self.day[mask]
        return of(
            days_of(day, self.first_day, self.n_days, self.n[mask]),
            days_of(day, self.first_day, self.n_days, self.k[mask]),
        )

    def sharpened(self, slice_: Slice, stretch: Stretch) -> Stretch:
        """The stretch dated by amounts, where the detector measures them."""
        if self.amount is None:
            return stretch
        mask = self.mask(slice_)
        n, _ = self.series(slice_)
        amount = np.bincount(self.day[mask] - self.first_day, weights=self.amount[mask], minlength=self.n_days)
        return sharpened(n, amount.astype(np.float64), stretch)

    def _within(self, first: int, last: int) -> Any:
        return (self.day >= self.first_day + first) & (self.day <= self.first_day + last)

    def counts(
        self, slice_: Slice, first: int, last: int
    ) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
        """(bad, trials) inside the stretch and outside it, of the slice; and of the others at the step.

        The others of a slice are those that have its properties with other values: the other versions of the app are
        what a version is compared with, not the web.
        """
        mask, inside = self.mask(slice_), self._within(first, last)
        others = (self.step == slice_.step) & ~mask
        for name, _ in slice_.values:
            others &= self._codes[name] >= 0

        def of(held: Any) -> tuple[int, int]:
            return int(self.k[held].sum()), int(self.n[held].sum())

        return (*of(mask & inside), *of(mask & ~inside)), (*of(others & inside), *of(others & ~inside))

    def remove(self, slice_: Slice, first: int, last: int) -> int | None:
        """Take a finding's trials out; where most of its bad ones went."""
        gone = self.mask(slice_) & self._within(first, last)
        went = self.went[gone & (self.went >= 0)]
        bad = self.k[gone & (self.went >= 0)]
        to_index = int(np.bincount(went, weights=bad).argmax()) if len(went) else None
        self.n[gone] = 0
        self.k[gone] = 0
        if self.amount is not None:
            self.amount[gone] = 0
        self._stretches = {one: found for one, found in self._stretches.items() if one.step != slice_.step}
        return to_index


def _numbers(rows: pa.Table, name: str) -> Ints:
    return np.array(rows.column(name).fill_null(-1).to_numpy(), dtype=np.int64)
