"""The one screen `ariane demo` ends with: who lives in the town, how they feel, where it hurts, and where to look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ariane
from ariane.demo import Built
from ariane.model import Interval


def summarise(folder: Path, built: Built) -> dict[str, Any]:
    """The town's figures, as one document."""
    with ariane.open(folder) as ws:
        population = ws.population()
        found = ws.journeys.map()
        kinds = ws.sql(
            "SELECT kind, count(*) AS n FROM identifiers WHERE kind IN ('device', 'cookie') GROUP BY kind", "service"
        ).to_dicts()
        channels = ws.sql(
            "SELECT channel, count(*) AS n_events FROM events GROUP BY channel ORDER BY n_events DESC"
        ).to_dicts()
        [n_persons] = ws.sql("SELECT count(*) AS n FROM persons").to_dicts()
        return {
            "workspace": str(ws.path),
            "n_persons": n_persons["n"],
            "n_events": sum(row["n_events"] for row in channels),
            "n_on_map": {"persons": found.n_persons, "events": found.n_events},
            "n_held_back": population.n_held_back(),
            "n_by_kind": {row["kind"]: row["n"] for row in kinds},
            "channels": channels,
            "kpis": {kpi.key: kpi.now for kpi in found.kpis},
            "steps": [(step.key, step.n_persons, step.emotion) for step in found.steps],
            "n_sent": built.n_sent,
            "send_s": round(built.send_s, 1),
            "settle_s": round(built.settle_s, 1),
        }


def write(found: dict[str, Any], address: str | None) -> None:
    """The same for people."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print("\n[bold]Maison Dédale[/bold], a town whose truth is known", highlight=False)
    figures = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    for label, text in _lines(found):
        figures.add_row(f"[dim]{label}[/dim]", text)
    console.print(figures)
    if found["n_sent"]:
        told = f"{found['n_sent']:,} events sent in {found['send_s']} s, in the lake {found['settle_s']} s later"
        console.print(f"[dim]{told}[/dim]", highlight=False)
    if address is None:
        console.print(f"\nOpen it with [bold]ariane serve {found['workspace']}[/bold]", highlight=False, soft_wrap=True)
        return
    console.print(f"\n[bold red]➜[/bold red] [bold]{address}[/bold]  (Ctrl-C ends it)", highlight=False)
    console.print(f"  the measured journey  {address}/journeys", highlight=False)
    console.print(f"  found versus planted  {address}/planted\n", highlight=False)


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    kinds, kpis, on_map = found["n_by_kind"], found["kpis"], found["n_on_map"]
    machines, cookies = f"{kinds.get('device', 0):,}", f"{kinds.get('cookie', 0):,}"
    lines = [
        ("persons", f"{found['n_persons']:,} tied from {machines} devices and {cookies} cookies"),
        ("events", f"{found['n_events']:,} on {len(found['channels'])} channels"),
        ("journey", f"{on_map['events']:,} of these events are steps, of {on_map['persons']:,} persons"),
        ("held back", f"{found['n_held_back']:,} persons refuse to be measured: counted, never read"),
    ]  # fmt: skip
    if "nps" in kpis:
        lines.append(("recommend", f"NPS {_interval(kpis['nps'], '+.0f')}"))
    if "csat" in kpis:
        lines.append(("satisfied", f"{_interval(kpis['csat'], '.2f')} of 5"))
    felt = [step for step in found["steps"] if step[2] is not None and step[2].value is not None]
    if felt:
        worst, best = min(felt, key=_value), max(felt, key=_value)
        lines.append(("hurts most", f"{worst[0]} {_interval(worst[2], '+.1f')}, on a scale from −2 to +2"))
        lines.append(("delights", f"{best[0]} {_interval(best[2], '+.1f')}"))
    return lines


def _value(step: tuple[str, int, Interval]) -> float:
    return step[2].value or 0.0


def _interval(one: Interval, form: str) -> str:
    if one.value is None:
        return "too few answers"
    if one.lo is None or one.hi is None:
        return f"{one.value:{form}} (n {one.n:,})"
    return f"{one.value:{form}} [dim]({one.lo:{form}} to {one.hi:{form}}, n {one.n:,})[/dim]"
