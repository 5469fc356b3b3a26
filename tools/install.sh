#!/bin/sh
# Install what the project needs into .venv: `install.sh run` for demo and serve, `install.sh dev` for everything.
# Does nothing when the stamp in .venv says that these very locks are installed, for this folder.
set -eu
cd "$(dirname "$0")/.."
level=${1:-run}

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        recent "$PYTHON" || { echo "PYTHON=$PYTHON is not a Python 3.11 or newer. Name one that is, or leave it out." >&2; exit 1; }
        command -v "$PYTHON"; return
    fi
    for name in python3 python3.13 python3.12 python3.11 python; do
        if command -v "$name" >/dev/null 2>&1 && recent "$name"; then command -v "$name"; return; fi
    done
    echo "Ariane needs Python 3.11 or newer and found none (looked for python3, python3.13, python3.12, python3.11)." >&2
    echo "Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2
    exit 1
}

wanted() { echo "$PWD $(cat requirements/build.txt "requirements/$1.txt" pyproject.toml | cksum)"; }
installed() { [ -x .venv/bin/python ] && [ "$(cat ".venv/.installed-$1" 2>/dev/null)" = "$(wanted "$1")" ]; }

# One at a time: two makes in one folder would write the same .venv.
mkdir -p .cache
if command -v flock >/dev/null 2>&1; then exec 9>.cache/install.lock; flock 9; fi

# The development lock holds everything of the run-time lock, at the same versions.
if installed "$level" || { [ "$level" = run ] && installed dev; }; then exit 0; fi

if ! { [ -x .venv/bin/python ] && recent .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    python=$(find_python)
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        echo "$python cannot make virtual environments: its venv module is missing." >&2
        echo "On Debian or Ubuntu: apt-get install python3-venv. Then run the same command again." >&2
        exit 1
    fi
    echo "Making .venv with $("$python" --version) ..." >&2
    rm -rf .venv
    "$python" -m venv .venv
fi

echo "Installing what $level needs (once; a minute or two) ..." >&2
rm -f ".venv/.installed-$level"
# Modules are compiled when first used: most never are. Build tools come from the lock too, hence no isolation.
pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input install -q --no-compile --no-warn-script-location "$@"; }
pip --require-hashes -r requirements/build.txt
pip --require-hashes --no-build-isolation -r "requirements/$level.txt"
pip --no-deps --no-build-isolation -e .
rm -f .venv/lib/python*/site-packages/distutils-precedence.pth  # loads part of setuptools at every start of Python
wanted "$level" > ".venv/.installed-$level"
