"""What belongs to several persons, and what follows from it: whose the anonymous events of a shared tablet are
(`followed`), and who shares what with whom (`households`): a relation between persons, never a merge. Both are Ibis
expressions over the lake, functions of the events and of who is whom.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane.identity import Rules
>>> from ariane.identity.sharing import followed, households
>>> from ariane.store import DuckEngine, Lake
>>> engine = DuckEngine(Lake(Path(mkdtemp())))
>>> [engine.run(asked(engine, Rules.default())).num_rows for asked in (followed, households)]
[0, 0]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.identity.sharing.following import followed
    from ariane.identity.sharing.living import households

__all__ = ["followed", "households"]

__getattr__ = face(__name__, {"followed": "following", "households": "living"})
