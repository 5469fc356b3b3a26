"""`python -m bench [NAME ...]`: run bench_NAME.py (all of them without a name) and write docs/benchmarks.md.

A bench is a module bench/bench_*.py with a docstring and `run() -> list[Row]`; an empty list means that it cannot run
here.
"""

from __future__ import annotations

import importlib
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import describe
from bench.report import HEAD, replaced, section
from bench.row import Row

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
SCRATCH = HERE.parent / ".cache" / "bench"


def names() -> list[str]:
    """Every bench there is."""
    return sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def main(asked: list[str]) -> int:
    """Run the benches asked for; 1 when a figure misses its bound, 2 when there is no bench of that name."""
    unknown = sorted(set(asked) - set(names()))
    if unknown:
        print(f"No bench named {', '.join(unknown)}. There are: {', '.join(names())}.", file=sys.stderr)
        return 2
    missed = 0
    for name in asked or names():
        print(f"{name} ...", file=sys.stderr, flush=True)
        machine = describe(SCRATCH)
        module = importlib.import_module(f"bench.bench_{name}")
        rows: list[Row] = module.run()
        if not rows:
            print(f"  {name} cannot run here", file=sys.stderr)
            continue
        for row in rows:
            print(
                f"  {row.what}: {row.value:,.4g} {row.unit}"
                + (f" ({row.ratio:,.2f} × {row.against})" if row.ratio else "")
            )
        missed += sum(row.holds is False for row in rows)
        text = section(name, (module.__doc__ or "").strip(), rows, f"{datetime.now(UTC):%Y-%m-%d}", machine)
        before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
        PAGE.write_text(replaced(before, name, text), encoding="utf-8")
    if missed:
        print(f"{missed} figure(s) miss their bound", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
