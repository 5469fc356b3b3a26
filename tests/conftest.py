"""What every test may ask for, what happens when the machine lacks it, and the check that nothing is left behind."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests import browser, litter, object_store, postgres
from tests.machine import NEEDS, NO_DATA, REPOSITORY, STRICT, data_folder

LITTER: pytest.StashKey[list[str]] = pytest.StashKey()
BEFORE: pytest.StashKey[frozenset[str]] = pytest.StashKey()
SCRATCH: pytest.StashKey[Path] = pytest.StashKey()


def need(what: str) -> None:
    """Go on if the machine has `what`; otherwise skip, or fail where nothing may be skipped."""
    if what not in NEEDS:
        pytest.fail(f"Unknown need '{what}'. Allowed: {', '.join(NEEDS)}.", pytrace=False)
    if reason := NEEDS[what]():
        pytest.skip(reason)


# ── fixtures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets."""
    need("data")
    return data_folder()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium."""
    need("chromium")
    found = browser.find()
    assert found is not None
    return found


@pytest.fixture(scope="session")
def spark() -> Iterator[str]:
    """The address of a Spark Connect server on loopback, such as ``sc://127.0.0.1:50051``."""
    need("spark")
    os.environ.setdefault("RUST_LOG", "error")
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    host, port = server.listening_address
    yield f"sc://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def postgres_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """The SQLAlchemy address of a throwaway PostgreSQL server, shared by the whole run."""
    need("postgres")
    with postgres.served(pytestconfig.stash[SCRATCH] / "postgres") as url:
        yield url


@pytest.fixture(scope="session")
def object_store_keys(pytestconfig: pytest.Config) -> Iterator[dict[str, str]]:
    """The environment in which ``s3://town`` is a bucket of a throwaway S3 server, shared by the whole run."""
    need("s3")
    with object_store.served(pytestconfig.stash[SCRATCH] / "s3", "town") as keys:
        yield keys


@pytest.fixture
def s3_place(object_store_keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new, empty place on that server, which this process and those it starts can reach."""
    for name, value in object_store_keys.items():
        monkeypatch.setenv(name, value)
    return f"s3://town/place-{next(_places)}"


_places = count(1)
_databases = count(1)


@pytest.fixture
def postgres_database(postgres_url: str) -> str:
    """The address of a new, empty database on that server."""
    import psycopg

    name = f"test_{next(_databases)}"
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres_url.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Where a workspace may be made; nothing is there yet."""
    return tmp_path / "workspace"


# ── needs and skips ───────────────────────────────────────────────────────────────────────────────────────────────────


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for what in marker.args:
            need(what)


def _refused(report: Any) -> str | None:
    """Why a skip is a failure here, if it is."""
    if not (STRICT and report.skipped) or hasattr(report, "wasxfail"):
        return None
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    return None if NO_DATA in reason else f"It did not run, and here everything must: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    report = yield
    if why := _refused(report):
        report.outcome, report.longrepr = "failed", why
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    report = yield
    if why := _refused(report):
        report.outcome, report.longrepr = "failed", why
    return report


# ── nothing is left behind ────────────────────────────────────────────────────────────────────────────────────────────

# With pytest-xdist the tests run in workers: each looks for processes it left, and who runs them for files, at the end.


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _has_workers(config: pytest.Config) -> bool:
    return bool(getattr(config.option, "numprocesses", None)) and not _is_worker(config)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[BEFORE] = frozenset() if _is_worker(config) else litter.files(REPOSITORY)
    config.stash[LITTER] = []
    scratch = Path(tempfile.mkdtemp(prefix="ariane-tests-"))
    scratch.chmod(0o711)  # PostgreSQL runs under another account and must reach its folder
    config.stash[SCRATCH] = scratch
    browser.find()  # looks in the home folder's cache, which moves now
    os.environ.update(
        {
            litter.TOKEN: uuid4().hex,
            "TMPDIR": str(scratch),
            "XDG_CACHE_HOME": str(scratch / "cache"),
            "XDG_CONFIG_HOME": str(scratch / "config"),
        }
    )
    tempfile.tempdir = str(scratch)


@pytest.hookimpl(wrapper=True, trylast=True)  # the innermost: after the fixtures are torn down, before the summary
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    yield
    config, found = session.config, session.config.stash[LITTER]
    if not _has_workers(config):
        left = litter.processes(os.environ[litter.TOKEN])
        litter.end(left)
        found += [f"process {pid}: {command[:150]}" for pid, command in left]
    if _is_worker(config):
        config.workeroutput["litter"] = found  # type: ignore[attr-defined]
        return
    new = litter.new_files(config.stash[BEFORE], litter.files(REPOSITORY), strict=STRICT)
    found += [f"file {path}" for path in new]
    if found:
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker ended: what it found is ours to tell."""
    node.config.stash[LITTER] += getattr(node, "workeroutput", {}).get("litter", [])


def pytest_unconfigure(config: pytest.Config) -> None:
    gc.unfreeze()  # a server made here froze what DuckDB counts at the end, and it would complain
    if SCRATCH in config.stash:
        shutil.rmtree(config.stash[SCRATCH], ignore_errors=True)
        tempfile.tempdir = None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    by_reason: dict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        by_reason[reason.removeprefix("Skipped: ")].append(report.nodeid)
    if by_reason:
        terminalreporter.section("did not run")
        for reason, tests in sorted(by_reason.items()):
            terminalreporter.line(f"{reason}: {len(tests)}")
            for test in tests:
                terminalreporter.line(f"  {test}")
    if config.stash[LITTER]:
        terminalreporter.section("left behind by the tests: this run failed", red=True)
        for line in config.stash[LITTER]:
            terminalreporter.line(line)
