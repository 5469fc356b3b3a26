#!/bin/sh
# Write src/ariane/ingest/browser/ariane.min.js from ariane.js beside it, or to standard output with `-`.
set -eu
cd "$(dirname "$0")/.."
here=src/ariane/ingest/browser
terser=.cache/clients/node_modules/terser/bin/terser
[ -e "$terser" ] || .venv/bin/python -m tests.node
shorten() { node "$terser" "$here/ariane.js" --compress passes=3 --mangle --ecma 2018 --comments false; }
if [ "${1:-}" = - ]; then shorten; else shorten > "$here/ariane.min.js"; fi
