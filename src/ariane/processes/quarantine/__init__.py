"""What is held in quarantine and what was let through with a warning: `held` are the records, `replay` lets out those
that keep to the plan by now, `warned` are the parts of the plan that kept events broke, with counts.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane import settings
>>> from ariane.processes.quarantine import Replayed, Warned, held, replay, warned
>>> from ariane.store import DuckEngine, Stores
>>> folder = Path(mkdtemp()) / "shop"
>>> created = settings.create(folder)
>>> stores = Stores(folder)
>>> engine = DuckEngine(stores.lake)
>>> engine.run(held(engine).count()).column(0).to_pylist(), replay(stores) == Replayed(n_released=0, n_held=0)
([0], True)
>>> with stores.state.read() as conn:
...     warned(conn)
[]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.processes.quarantining import Replayed, held, replay
    from ariane.processes.sifting import Warned, warned

__all__ = ["Replayed", "Warned", "held", "replay", "warned"]

__getattr__ = face(
    __name__,
    {
        "Replayed": "ariane.processes.quarantining",
        "Warned": "ariane.processes.sifting",
        "held": "ariane.processes.quarantining",
        "replay": "ariane.processes.quarantining",
        "warned": "ariane.processes.sifting",
    },
)
