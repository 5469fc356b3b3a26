"""The processes that walk the data: stream (log → identity, consent, features), lake (log and state → columns), the
supervisor that runs them beside the collector and the console, and rebuild, which derives everything again.

Each consumer commits its effects and its offset together, so it can be killed at any instant and started again.

>>> import tempfile
>>> from pathlib import Path
>>> from ariane import settings
>>> from ariane.errors import Conflict
>>> from ariane.processes import Serving, Sieve, catch_up, consuming, erase, lag, rebuild, serve, settle
>>> from ariane.store import Stores
>>> folder = Path(tempfile.mkdtemp()) / "shop"
>>> created = settings.create(folder)
>>> stores = Stores(folder)
>>> with consuming(stores) as watch:
...     settle(stores, watch=watch)
>>> catch_up(stores); lag(stores)
Lag(stream=0, lake=0)
>>> with stores.log.writer("import") as writer:
...     sieve = Sieve(stores, writer)
...     sieve.submit([]).result(), sieve.n_left_out
(0, 0)
>>> rebuild(stores); erase(stores, [42])
Erasure(n_events=0, n_identifiers=1)
>>> Serving(folder, "127.0.0.1", 8600).address
'http://127.0.0.1:8600'
>>> with stores.only("supervisor"):
...     try:
...         serve(folder)
...     except Conflict as error:
...         print(error.next_step)
Is 'ariane serve' running? It does this work already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face
from ariane.processes import stored as _stored  # noqa: F401  declared before any state is created

if TYPE_CHECKING:
    from ariane.processes.erasing import erase
    from ariane.processes.levelling import catch_up, lag, settle
    from ariane.processes.rebuilding import rebuild
    from ariane.processes.serving import Serving, serve
    from ariane.processes.supervisor import consuming
    from ariane.processes.suppressing import Sieve

__all__ = ["Serving", "Sieve", "catch_up", "consuming", "erase", "lag", "rebuild", "serve", "settle"]

__getattr__ = face(
    __name__,
    {
        "Serving": "serving",
        "Sieve": "suppressing",
        "catch_up": "levelling",
        "consuming": "supervisor",
        "erase": "erasing",
        "lag": "levelling",
        "rebuild": "rebuilding",
        "serve": "serving",
        "settle": "levelling",
    },
)
