"""Progress on standard error: a bar for people, nothing when nobody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

LABELS = {"town": "Living 120 days", "stream": "Tying events to persons", "lake": "Writing history in columns"}


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """A function (label, done, total) that draws one bar a label."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=28), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as drawn:
        tasks: dict[str, object] = {}

        def advance(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = drawn.add_task(label, total=total)
            drawn.update(tasks[label], completed=done, total=total)  # type: ignore[arg-type]

        yield advance


@contextmanager
def log_progress() -> Iterator[Callable[[str, int, int], None]]:
    """The same for the consumers of the log."""
    with bars() as advance:
        yield lambda what, done, total: advance(LABELS.get(what, what), done, total)
