#!/bin/sh
# Write requirements/*.txt again so that they fit pyproject.toml: hashes of every platform's files, no host.
# The widest set is solved first; the others are held to it, so that every lock names the same versions.
# Run it with the oldest Python supported: what only older ones need is then in the locks too.
set -eu
cd "$(dirname "$0")/.."
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL
export PIP_CONFIG_FILE=/dev/null  # hashes of the public registry, not of files that happen to lie on this machine
[ -x .cache/lock/bin/pip-compile ] || {
    .venv/bin/python -m venv .cache/lock
    .cache/lock/bin/python -m pip install -q "pip-tools>=7.6,<8"
}
solve() { .cache/lock/bin/pip-compile -q --generate-hashes --no-header --no-emit-options --strip-extras --allow-unsafe --annotation-style line "$@"; }
# Without --upgrade, what is locked stays and only what is new is chosen.
[ "${1:-}" != --upgrade ] || rm -f requirements/dev.txt requirements/run.txt requirements/build.txt
solve --extra dev --extra spark --extra postgres --extra linkage -o requirements/dev.txt pyproject.toml requirements/build.in
solve -c requirements/dev.txt -o requirements/run.txt pyproject.toml
solve -c requirements/dev.txt -o requirements/build.txt requirements/build.in
