"""What the console's process serves: the application of the workspace named by ARIANE_WORKSPACE."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.applications import Starlette

from ariane.console.app import create_app


def create() -> Starlette:
    return create_app(Path(os.environ.get("ARIANE_WORKSPACE") or "."))
