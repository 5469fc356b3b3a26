"""Building the demo town: a workspace, its processes, the simulator sending through HTTP, and the wait until every
event is in the lake."""

from __future__ import annotations

import atexit
import gc
import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from ariane import settings
from ariane.demo.brand import journey_toml
from ariane.demo.sending import send
from ariane.demo.town import Town
from ariane.errors import Conflict
from ariane.processes import Serving, settle
from ariane.store import Stores

Advance = Callable[[str, int, int], None]
"""Called with (town, stream or lake; done; total)."""

MARK = "demo.json"
DEFAULT_PORT = 8600


def _silently(what: str, done: int, total: int) -> None:
    """Progress for nobody."""


class Plan(msgspec.Struct, frozen=True):
    """Which town, and where."""

    folder: Path
    n_persons: int
    seed: int
    port: int | None


class Built(msgspec.Struct, frozen=True):
    """What building it took, in seconds; all zero when it stood already."""

    n_sent: int = 0
    send_s: float = 0.0
    settle_s: float = 0.0


def standing(plan: Plan, *, fresh: bool = False) -> bool:
    """Whether this very town is there, whole; with `fresh` any town is to be built again, so never. Conflict when the
    folder holds something else."""
    mark = plan.folder / MARK
    if fresh and (mark.exists() or (plan.folder / "truth").is_dir()):
        return False
    if mark.exists():
        made = msgspec.json.decode(mark.read_bytes())
        if made == {"n_persons": plan.n_persons, "seed": plan.seed}:
            return True
        raise Conflict(
            f"{plan.folder} holds a town of {made['n_persons']:,} persons from seed {made['seed']}.",
            next_step="Add --fresh to build it again, or name another folder with --dir.",
        )
    unfinished = (plan.folder / "truth").is_dir()  # interrupted while it was being built
    if plan.folder.exists() and any(plan.folder.iterdir()) and not unfinished:
        raise Conflict(f"{plan.folder} is not empty and not a town.", next_step="Name another folder with --dir.")
    return False


def build(plan: Plan, *, already: bool, advance: Advance = _silently) -> tuple[Serving, Built]:
    """Start the town's processes, building it first unless it stands. The console is left to `start_late`: it would
    compute its screens anew for every part of the history that arrives."""
    if not already:
        shutil.rmtree(plan.folder, ignore_errors=True)
        settings.create(plan.folder, "Maison Dédale")
    config = settings.load(plan.folder)
    serving = Serving(plan.folder.resolve(), config.host, plan.port or _free_from(config.host, DEFAULT_PORT))
    serving.start(later=("console",))
    if already:
        return serving, Built()
    try:
        return serving, _fill(plan, serving, config.sources["default"].write_key, advance)
    except BaseException:
        serving.stop()
        raise


def _fill(plan: Plan, serving: Serving, write_key: str, advance: Advance) -> Built:
    (plan.folder / "journey.toml").write_text(journey_toml(), encoding="utf-8")
    town = Town(seed=plan.seed, n_persons=plan.n_persons)
    began = time.monotonic()
    gc.disable()  # a life is many small objects without cycles
    report = send(
        town,
        serving.address,
        write_key,
        truth=plan.folder / "truth",
        on_progress=lambda done, total: advance("town", done, total),
    )
    gc.enable()
    sent = time.monotonic()
    stores = Stores(plan.folder)
    settle(stores, advance, watch=serving.watch)
    stores.close()
    (plan.folder / MARK).write_bytes(msgspec.json.encode({"n_persons": plan.n_persons, "seed": plan.seed}))
    return Built(n_sent=report.n_events, send_s=sent - began, settle_s=time.monotonic() - sent)


def _free_from(host: str, first: int) -> int:
    for port in range(first, first + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex((host, port)) != 0 and _claim(port):
                return port
    raise Conflict(f"No free port from {first} to {first + 49}.", next_step="Name one with --port.")


_claims: set[int] = set()


def _claim(port: int) -> bool:
    """Keep other demos from choosing this port until we end: one that has just started does not answer on it yet."""
    if port in _claims or sys.platform != "linux":
        return True
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0ariane-demo-{port}")  # no file: the name goes with the process
    except OSError:
        name.close()
        return False
    _claims.add(port)
    atexit.register(name.close)
    return True
