"""Persons told alike by what their events say of them: `records` reads one record a person through the columns of
linkage.toml (`Linkage`), for a purpose; `look` links them and gives what to tie and what to ask, each `Pair` with its
reasons; `keep` leaves the pairs to ask and the model in the workspace, `kept` reads them; an `Index` answers whether
one more record's person is known.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane import consent, identity
>>> from ariane.identity.matching import Index, Linkage, Pair, Reason, Record, Records, keep, kept, look, records
>>> from ariane.store import DuckEngine, Lake, State
>>> folder, state = Path(mkdtemp()), State("sqlite://"); state.create()
>>> linkage, engine = Linkage.of(folder), DuckEngine(Lake(folder))
>>> with state.read() as conn:
...     found = records(conn, consent.population(engine, linkage.purpose), linkage, identity.Rules.default())
...     looked = look(conn, found)
>>> isinstance(found, Records), looked.n_records, kept(folder), keep(folder, looked, 5).at_us, kept(folder).reviews
(True, 0, None, 5, ())
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.identity.matching.finding import look
    from ariane.identity.matching.known import Index
    from ariane.identity.matching.meanings import Linkage
    from ariane.identity.matching.pairs import Pair, Reason
    from ariane.identity.matching.queue import keep, kept
    from ariane.identity.matching.recording import Record, Records, records

__all__ = ["Index", "Linkage", "Pair", "Reason", "Record", "Records", "keep", "kept", "look", "records"]

__getattr__ = face(
    __name__,
    {
        "Index": "known",
        "Linkage": "meanings",
        "Pair": "pairs",
        "Reason": "pairs",
        "Record": "recording",
        "Records": "recording",
        "keep": "queue",
        "kept": "queue",
        "look": "finding",
        "records": "recording",
    },
)
