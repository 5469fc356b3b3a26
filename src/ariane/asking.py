"""Answering SQL over the relations: a database in memory whose only tables are what the purpose may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from ariane.errors import InputError
from ariane.model import Purpose
from ariane.relations import NAMES, relation
from ariane.result import Result
from ariane.store import DuckEngine

if TYPE_CHECKING:
    from ariane.opened import Opened

SCHEMA = "relations"


def ask(workspace: Opened, text: str, purpose: Purpose) -> Result:
    """Run `text`. InputError with DuckDB's own words when it cannot be run, and with the relations there are."""
    population = workspace.population(purpose)
    journey = workspace.journey()
    engine = DuckEngine(workspace.stores.lake)
    connection = engine.backend.con
    try:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        for name in (name for name in NAMES if name in text.lower()):
            body = population.engine.backend.compile(relation(name, population, journey))  # type: ignore[attr-defined]
            connection.execute(f'CREATE VIEW {SCHEMA}."{name}" AS {body}')
        # Names without a schema now mean the relations. The lake's own tables stay reachable as main.<name>: whoever
        # can run this can read the files; the gate keeps honest questions honest.
        connection.execute(f"SET search_path = '{SCHEMA}'")
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.sql(text)
        if found is None:
            raise InputError("The statement gives no rows.", allowed="a SELECT over " + ", ".join(NAMES))
        return Result(found.to_arrow_table(), sql=text, n_held_back=population.n_held_back())
    except duckdb.Error as error:
        raise InputError(str(error).strip(), where="sql", allowed="relations " + ", ".join(NAMES)) from error
    finally:
        engine.close()
