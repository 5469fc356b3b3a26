"""Curves as SVG paths. The same shapes serve a page, a picture and a letter."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]


def smooth(points: Sequence[Point]) -> str:
    """A monotone cubic through the points (Fritsch & Carlson 1980), its tangents harmonic means: never beyond a value.

    >>> smooth([(0, 0), (10, 10)])
    '0.0,0.0C3.3,3.3 6.7,6.7 10.0,10.0'
    """
    if len(points) == 1:
        return f"{points[0][0]:.1f},{points[0][1]:.1f}"
    x, y = zip(*points, strict=True)
    slope = [(y[i + 1] - y[i]) / (x[i + 1] - x[i]) for i in range(len(x) - 1)]
    middle = [0.0 if a * b <= 0 else 2 * a * b / (a + b) for a, b in pairwise(slope)]
    tangent = [slope[0], *middle, slope[-1]]
    path = f"{x[0]:.1f},{y[0]:.1f}"
    for i in range(len(slope)):
        h = (x[i + 1] - x[i]) / 3
        path += f"C{x[i] + h:.1f},{y[i] + h * tangent[i]:.1f} {x[i + 1] - h:.1f},{y[i + 1] - h * tangent[i + 1]:.1f} "
        path += f"{x[i + 1]:.1f},{y[i + 1]:.1f}"
    return path


def line(points: Sequence[Point]) -> str:
    return "M" + smooth(points)


def band(upper: Sequence[Point], lower: Sequence[Point]) -> str:
    """A closed shape between two curves over the same places."""
    return f"M{smooth(upper)}L{smooth(list(reversed(lower)))}Z"


def runs(values: Sequence[float | None]) -> list[list[int]]:
    """The places of consecutive known values: a curve does not cross what was not measured.

    >>> runs([1.0, None, 2.0, 3.0])
    [[0], [2, 3]]
    """
    found: list[list[int]] = []
    for index, value in enumerate(values):
        if value is None:
            continue
        if found and found[-1][-1] == index - 1:
            found[-1].append(index)
        else:
            found.append([index])
    return found


def sparkline(values: Sequence[float | None], width: float = 100, height: float = 30) -> str:
    """A small line of values in a box, broken where nothing was measured. Empty when there are fewer than two.

    >>> sparkline([1.0]), sparkline([0.0, 1.0], 10, 10)
    ('', 'M0.0,10.0 10.0,0.0')
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    spread = (high - low) or 1.0
    step = width / (len(values) - 1)
    path = ""
    for run in runs(values):
        shown = [(i * step, height - (float(values[i] or 0.0) - low) / spread * height) for i in run]
        path += "M" + " ".join(f"{x:.1f},{y:.1f}" for x, y in shown)
        path += "h0.1" if len(shown) == 1 else ""
    return path
