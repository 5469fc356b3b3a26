"""docs/benchmarks.md: one section a bench, replaced when it is measured again, the others kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.row import Row

HEAD = """# Benchmarks

Measured by `make bench`, which writes this page; `make bench ARGS="startup"` measures one and keeps the rest. A ratio
comes from one run on one machine and can be compared between machines; the absolute figures beside it cannot. Every
section says when and on what it was measured.
"""


def section(name: str, about: str, rows: Sequence[Row], measured: str, machine: Sequence[tuple[str, str]]) -> str:
    """A bench as Markdown.

    >>> row = Row("ariane --help", 0.2, "s", bound="≤ 0.3 s", holds=True)
    >>> print(section("startup", "Start-up.", [row], "today", []))
    ## startup
    <BLANKLINE>
    Start-up.
    <BLANKLINE>
    | what | figure | against | ratio | bound | holds |
    |---|---:|---|---:|---|---|
    | ariane --help | 0.2 s | | | ≤ 0.3 s | yes |
    <BLANKLINE>
    Measured today.
    <BLANKLINE>
    """
    lines = [
        f"## {name}",
        "",
        about,
        "",
        "| what | figure | against | ratio | bound | holds |",
        "|---|---:|---|---:|---|---|",
    ]
    lines += [_row(row) for row in rows]
    lines += (
        ["", *[f"- {row.what}: {row.note}" for row in rows if row.note], ""] if any(row.note for row in rows) else [""]
    )
    on = "; ".join(f"{what}: {value}" for what, value in machine)
    return "\n".join([*lines, f"Measured {measured}{f' on {on}' if on else ''}.", ""])


def _row(row: Row) -> str:
    holds = "" if row.holds is None else "yes" if row.holds else "**no**"
    ratio = "" if row.ratio is None else f"{row.ratio:,.2f}"
    cells = (row.what, f"{_number(row.value)} {row.unit}", row.against, ratio, row.bound, holds)
    return "| " + " | ".join(cells).replace("|  |", "| |").replace("|  |", "| |") + " |"


def _number(value: float) -> str:
    """Three significant digits, thousands set apart."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def replaced(page: str, name: str, text: str) -> str:
    """`page` with the section `name` replaced by `text`, or with `text` after the others.

    >>> print(replaced(HEAD + "\\n## a\\n\\nold\\n\\n## b\\n\\nkept\\n", "a", "## a\\n\\nnew\\n").split("\\n", 6)[-1])
    <BLANKLINE>
    ## a
    <BLANKLINE>
    new
    <BLANKLINE>
    ## b
    <BLANKLINE>
    kept
    <BLANKLINE>
    """
    parts = {
        part.split("\n", 1)[0].removeprefix("## ").strip(): part for part in re.split(r"^(?=## )", page, flags=re.M)[1:]
    }
    parts[name] = text
    return "\n".join([HEAD, *(part.rstrip("\n") + "\n" for part in parts.values())])
