"""Print what installed packages weigh, for docs/dependencies.md: `.venv/bin/python tools/weigh.py NAME ...`."""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path


def megabytes(package: Distribution) -> float:
    """Size on disk of the files a package installed, without compiled bytecode."""
    paths = (Path(str(package.locate_file(file))) for file in package.files or () if file.suffix != ".pyc")
    return sum(path.stat().st_size for path in paths if path.exists()) / 1e6


if __name__ == "__main__":
    chosen = [distribution(name) for name in sys.argv[1:]] or list(distributions())
    for package in sorted(chosen, key=megabytes, reverse=True):
        licence = package.metadata["License-Expression"] or package.metadata["License"] or "?"
        print(
            f"{megabytes(package):7.1f}  {package.metadata['Name']} {package.version}  {licence.splitlines()[0][:60]}"
        )
