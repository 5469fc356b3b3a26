# Everything from a fresh clone: each target first installs what it lacks into .venv, and does nothing when it is there.
# PYTHON=/path/to/python3.12 chooses the interpreter; ARGS="..." is handed on to the command.

SHELL := /bin/sh
ARGS ?=
# How many tests run at a time: on two cores three, for they wait for other processes a good part of the time.
JOBS ?= 3
PYTHON ?=
export PYTHON
# Where it is set, every process would compile every module again.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
INSTALL := sh tools/install.sh

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test lint format bench lock clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 10

setup:  ## install everything, for development too
	@$(INSTALL) dev

demo:  ## build the demo town and open the console on it; ARGS="--persons 2000 --no-serve --dir PATH"
	@$(INSTALL) run
	@$(BIN)/ariane demo $(ARGS)

serve:  ## serve a workspace; ARGS="PATH --port 8600"
	@$(INSTALL) run
	@$(BIN)/ariane serve $(ARGS)

test:  ## run every test this machine can run, lint included; ARGS="tests/store -k log", JOBS=4
	@$(INSTALL) dev
	@$(BIN)/python -m tests.browser
	@$(BIN)/python -m tests.node
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

lint:  ## types, style, formatting, sizes
	@$(INSTALL) dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m tests.style.sizes

format:  ## let ruff format and mend what it can
	@$(INSTALL) dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench:  ## measure, and write docs/benchmarks.md; ARGS="startup ingest"
	@$(INSTALL) dev
	@$(BIN)/python -m bench $(ARGS)

lock:  ## write requirements/*.txt after a change of pyproject.toml; ARGS=--upgrade chooses the newest versions
	@$(INSTALL) dev
	@sh tools/lock.sh $(ARGS)

clean:  ## remove what setup and the tools made, never a workspace
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .cache
