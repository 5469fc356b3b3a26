"""Attribution: which channels led to what persons did, as credit that always adds up to what happened.

`paths` gives, for every conversion, the touches that came before it on any channel, to the second. `credit` shares each
conversion out by a rule (first, last, last non-direct, linear, position, decay) with 95 % bounds from resampling
persons; `credit_of` does the same for paths that come from elsewhere; `shares` is the rule itself, for one path. Credit
is observational: it says what came before a conversion, not what caused it.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane.consent import population
>>> from ariane.store import DuckEngine, Lake
>>> from ariane.attribution import Totals, credit, paths
>>> nobody = population(DuckEngine(Lake(Path(mkdtemp()))), "measurement")
>>> paths(nobody).columns[:4]
('conversion_id', 'person_id', 'converted_us', 'revenue_minor')
>>> result = credit(nobody, model="position")
>>> result.to_arrow().column_names[:4]
['channel', 'credit', 'credit_lo', 'credit_hi']
>>> result.value == Totals(n_conversions=0, n_untouched=0, revenue_minor=0, currency="", n_other_currency=0)
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.attribution.crediting import Totals, credit, credit_of
    from ariane.attribution.rules import MODELS, Model, shares
    from ariane.attribution.touching import paths

__all__ = ["MODELS", "Model", "Totals", "credit", "credit_of", "paths", "shares"]

__getattr__ = face(
    __name__,
    {
        "MODELS": "rules",
        "Model": "rules",
        "Totals": "crediting",
        "credit": "crediting",
        "credit_of": "crediting",
        "paths": "touching",
        "shares": "rules",
    },
)
