"""What the console's process serves: the application of the workspace named by ARIANE_WORKSPACE."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ariane.arrow import load_arrow

if TYPE_CHECKING:
    from starlette.applications import Starlette


def create() -> Starlette:
    load_arrow()
    from ariane.console.app import create_app

    return create_app(Path(os.environ.get("ARIANE_WORKSPACE") or "."))
