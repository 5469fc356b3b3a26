"""The `ariane` command: one file a command, loaded when it is called. Every command takes `--workspace` and `--json`.

With `--json` standard output holds one JSON document and nothing else; progress goes to standard error. It exits with
0, with 1 when a request failed, with 2 when it was called wrongly.

>>> from unittest.mock import patch
>>> from ariane.cli import main
>>> with patch("sys.argv", ["ariane", "--version"]):
...     main()  # doctest: +ELLIPSIS
ariane ...
"""

from __future__ import annotations

from ariane.cli.main import main

__all__ = ["main"]
