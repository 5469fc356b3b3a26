"""What `ariane doctor` looks at: the machine first, then the workspace, each check with its next step."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import msgspec

from ariane.errors import ArianeError
from ariane.store import Stores

Verdict = Literal["ok", "warning", "failed"]
LOW_DISK_BYTES = 1 << 30
SLOW_FSYNC_PER_S = 50
READ_BYTES = 4 << 20
NEEDED = ("duckdb", "deltalake", "granian", "ibis-framework", "msgspec", "pyarrow", "sqlalchemy", "starlette")


class Check(msgspec.Struct, frozen=True):
    """One thing looked at, what was found, and what to do about it."""

    name: str
    verdict: Verdict
    found: str
    next_step: str = ""


def examine(path: Path) -> list[Check]:
    """Every check, in order. Stops at the workspace's settings when they cannot be read."""
    checks = [_python(), _libraries(), _disk(path), _fsync(path)]
    if not (path / "ariane.toml").exists():
        where = path.resolve()
        return [
            *checks,
            Check("workspace", "warning", f"none in {where}", "Run 'ariane demo', or 'ariane init FOLDER'."),
        ]
    try:
        stores = Stores(path)
    except ArianeError as error:
        return [*checks, Check("settings", "failed", str(error), error.next_step)]
    for look in (_settings, _plan, _rules, _log, _state, _lake, _lag, _serving):
        checks += _safely(look, stores)
    return checks


def _safely(look: Callable[[Stores], Iterator[Check]], stores: Stores) -> list[Check]:
    try:
        return list(look(stores))
    except Exception as error:  # a broken workspace must not stop the doctor from looking at the rest
        return [Check(look.__name__.strip("_"), "failed", f"{type(error).__name__}: {error}", "Run 'ariane rebuild'.")]


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return Check("python", "ok" if good else "failed", found, "" if good else "Install Python 3.11 or newer.")


def _libraries() -> Check:
    missing = []
    for name in NEEDED:
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("libraries", "failed", f"missing: {', '.join(missing)}", "Run 'make setup'.")
    return Check("libraries", "ok", f"duckdb {version('duckdb')}, deltalake {version('deltalake')}")


def _disk(path: Path) -> Check:
    folder = path if path.exists() else path.resolve().parent
    free = shutil.disk_usage(folder if folder.exists() else Path.cwd()).free
    text = f"{free / (1 << 30):.1f} GiB free"
    if free < LOW_DISK_BYTES:
        return Check("disk", "failed", text, "Free some space: the collector answers 503 when the disk is full.")
    return Check("disk", "ok", text)


def _fsync(path: Path, tries: int = 50) -> Check:
    """How often the disk can promise that something is on it: the floor of every acknowledgement."""
    folder = path if path.exists() and os.access(path, os.W_OK) else Path.cwd()
    probe = folder / f".ariane-probe-{os.getpid()}"
    try:
        with probe.open("wb", buffering=0) as file:
            began = time.perf_counter()
            for _ in range(tries):
                file.write(b"x" * 400)
                os.fdatasync(file.fileno())
            rate = tries / (time.perf_counter() - began)
    except OSError as error:
        return Check("disk writes", "failed", str(error), "The folder must be writable.")
    finally:
        probe.unlink(missing_ok=True)
    slow = rate < SLOW_FSYNC_PER_S
    advice = "Each acknowledgement waits for one: use a faster disk." if slow else ""
    return Check("disk writes", "warning" if slow else "ok", f"{rate:,.0f} durable writes a second", advice)


def _settings(stores: Stores) -> Iterator[Check]:
    n = len(stores.settings.sources)
    advice = "" if n else "Run 'ariane keys --add web'."
    yield Check("settings", "ok" if n else "warning", f"format {stores.settings.format}, {n} sources", advice)


def _plan(stores: Stores) -> Iterator[Check]:
    from ariane.ingest.plan import plan_of

    try:
        plan = plan_of(stores.path)
        plan.verify()
    except ArianeError as error:
        yield Check("tracking plan", "failed", error.what, f"{error.where}: {error.next_step}")
        return
    if plan:
        n = len({version.planned for version in plan.versions if plan.in_force(version.planned) == version})
        yield Check("tracking plan", "ok", f"{n} kinds of event, {len(plan.versions)} versions")


def _rules(stores: Stores) -> Iterator[Check]:
    """The identity rules: whether what people edit can be used, and whether it is what is in force."""
    from ariane.identity.guarding import broken, proposed, version_of

    for harm in broken(stores.path):
        yield Check("identity rules", "failed", str(harm), harm.next_step)
    try:
        version = version_of(stores.path)
    except ArianeError as error:
        yield Check("identity rules", "failed", str(error), "Until it is mended, new events wait to be tied.")
        return
    try:
        n = len(proposed(stores.path).changes)
    except ArianeError as error:
        yield Check("identity rules", "warning", str(error), f"Version {version.number} stays in force meanwhile.")
        return
    found = f"version {version.number}" if version.number else "identity.toml as it stands"
    advice = "Run 'ariane rules check', then 'ariane rules apply'." if version.number and n else ""
    yield Check(
        "identity rules", "warning" if advice else "ok", found + (f", {n} changes waiting" if advice else ""), advice
    )


def _log(stores: Stores) -> Iterator[Check]:
    """Read every record's checksum, and say of each partition what a damaged one cost."""
    n_records = 0
    damage: dict[str, list[tuple[int, int]]] = {}
    for partition in stores.log.partitions():
        offset = stores.log.start(partition)
        while True:
            batch = stores.log.read(partition, offset, READ_BYTES)
            n_records += len(batch.records)
            if batch.damaged:
                damage.setdefault(partition, []).extend(batch.damaged)
            if batch.next_offset == offset:
                break
            offset = batch.next_offset
    for partition, found in damage.items():
        lost = sum(length for _, length in found)
        where = ", ".join(f"{at:,}" for at, _ in found[:5]) + (", …" if len(found) > 5 else "")
        yield Check(
            f"log {partition}",
            "warning",
            f"{len(found):,} record{'s' if len(found) > 1 else ''} lost to damage, {lost:,} bytes, at offset {where}",
            "They are skipped, nothing else is lost. Check the disk; ask the source to send again.",
        )
    verdict: Verdict = "warning" if damage else "ok"
    yield Check("log", verdict, f"{n_records:,} records" + ("" if damage else ", every checksum right"))


def _state(stores: Stores) -> Iterator[Check]:
    with stores.state.read() as conn:
        if stores.state.is_sqlite:
            verdict = str(conn.exec_driver_sql("PRAGMA quick_check").scalar())
            good = verdict == "ok"
            yield Check("state", "ok" if good else "failed", verdict, "" if good else "Run 'ariane rebuild'.")
        else:
            yield Check("state", "ok", "PostgreSQL answers")


def _lake(stores: Stores) -> Iterator[Check]:
    for name in stores.lake.names():
        if missing := stores.lake.missing(name):
            yield Check(f"lake {name}", "failed", f"{len(missing)} files are missing", "Run 'ariane rebuild'.")
    yield Check("lake", "ok", f"{stores.lake.n_rows('events'):,} events in {len(stores.lake.files('events'))} files")


def _lag(stores: Stores) -> Iterator[Check]:
    from ariane.processes import lag

    behind = lag(stores)
    if behind.stream or behind.lake:
        found = f"stream {behind.stream:,} bytes behind the log, lake {behind.lake:,}"
        yield Check(
            "consumers", "warning", found, "'ariane serve' catches up; if it runs already, look at its messages."
        )
    else:
        yield Check("consumers", "ok", "level with the log")


def _serving(stores: Stores) -> Iterator[Check]:
    try:
        with stores.only("supervisor"):
            yield Check("serving", "ok", "no; start with 'ariane serve'")
    except ArianeError:
        yield Check("serving", "ok", "yes")
