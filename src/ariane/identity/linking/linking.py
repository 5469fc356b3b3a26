"""Records to persons: block, learn what was not learned, weigh, cluster, calibrate."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from ariane.identity.linking.blocking import candidates
from ariane.identity.linking.calibrating import calibrate, cut
from ariane.identity.linking.clustering import Apart, cluster
from ariane.identity.linking.model import Model, Weighed, weigh
from ariane.identity.linking.reading import Codes, Floats, Records
from ariane.identity.linking.training import learn_agreements

MERGE, REVIEW = 0.99, 0.8
"""From which probability two records are joined without asking, and from which a steward is asked."""

FLOOR = -6.0
"""The log-odds below which a pair is forgotten."""

_CHUNK = 500_000


class Link(msgspec.Struct, frozen=True):
    """Two records of one cluster, by where they stood in the input, and the probability that they are one person's."""

    a: int
    b: int
    probability: float


class Linked(msgspec.Struct, frozen=True):
    """What linking found. `clusters`: a number for each record of the input, equal for the records of one person.
    `model` made it, its probabilities calibrated here; `pairs` are those worth keeping, by the canonical order of
    `records`, `probability` each one's."""

    clusters: Codes
    model: Model
    records: Records
    pairs: Weighed
    probability: Floats

    def merges(self) -> list[Link]:
        """Pairs to join without asking: in one cluster, probability ≥ .99; the surest first."""
        return self._links(MERGE, 2.0)

    def reviews(self) -> list[Link]:
        """What to ask a steward: of each two groups that merging leaves in one cluster the surest pair, from .8 up."""
        groups = _joined(len(self.clusters), self.merges())
        best: dict[tuple[int, int], Link] = {}
        for link in self._links(REVIEW, MERGE):
            x, y = sorted((groups[link.a], groups[link.b]))
            if x != y:
                best.setdefault((x, y), link)
        return list(best.values())

    def _links(self, lowest: float, below: float) -> list[Link]:
        rows = self.records.rows
        a, b = rows[self.pairs.a], rows[self.pairs.b]
        fits = (self.probability >= lowest) & (self.probability < below) & (self.clusters[a] == self.clusters[b])
        found = [
            Link(int(min(x, y)), int(max(x, y)), float(p))
            for x, y, p in zip(a[fits], b[fits], self.probability[fits], strict=True)
        ]
        return sorted(found, key=lambda link: (-link.probability, link.a, link.b))


def link(records: Records, model: Model | None = None, apart: Apart | None = None) -> Linked:
    """Which records are one person's. Without a `model` one is learned from the records themselves, without labels.

    The same records in any order give the same persons. Where to cut the tree of clusters and what a weight is worth
    as a probability are learned too; nothing is chosen for a data set by hand.
    """
    a, b = candidates(records)
    if model is None:
        model = _learned(records, a, b)
    pairs = _kept(weigh(model, records, a[i], records, b[i]) for i in _chunks(len(a)))
    found = cluster(records.n, pairs.a, pairs.b, pairs.probability, cut(pairs.probability), _ranked(records, apart))
    together = (found[pairs.a] == found[pairs.b]).astype(float)
    model = msgspec.structs.replace(model, calibration=calibrate(pairs.weight, together))
    clusters = np.empty(records.n, np.int64)
    clusters[records.rows] = found
    assert model.calibration is not None
    return Linked(clusters, model, records, pairs, model.calibration.probability(pairs.weight))


def _learned(records: Records, a: Codes, b: Codes) -> Model:
    """A model with m and u learned, and the prior at which the candidates are expected to hold as many matches as it
    says (the fixed point of EM for that one parameter)."""
    model = Model(records.columns, 1e-4, learn_agreements(records))
    weight = np.concatenate(
        [np.zeros(0), *(weigh(model, records, a[i], records, b[i]).weight for i in _chunks(len(a)))]
    )
    n_pairs, start = records.n * (records.n - 1) / 2, np.log(model.prior / (1 - model.prior))
    prior = model.prior
    for _ in range(20):
        odds = np.log(prior / (1 - prior)) - start
        prior = max(float((1 / (1 + np.exp(-np.clip(weight + odds, -50, 50)))).sum()), 1.0) / (n_pairs + 1)
    return msgspec.structs.replace(model, prior=prior)


def _chunks(n: int) -> Iterator[slice]:
    return (slice(i, i + _CHUNK) for i in range(0, n, _CHUNK))


def _kept(weighed: Iterator[Weighed]) -> Weighed:
    """The pairs above the floor, of all chunks."""
    kept = [Weighed(w.a[f], w.b[f], w.levels[f], w.parts[f], w.weight[f]) for w in weighed for f in [w.weight >= FLOOR]]
    return Weighed(*(np.concatenate([getattr(w, name) for w in kept]) for name in Weighed.__struct_fields__))


def _ranked(records: Records, apart: Apart | None) -> Apart:
    """The same by canonical order."""
    if apart is None:
        return Apart()
    rank = np.empty(records.n, np.int64)
    rank[records.rows] = np.arange(records.n)
    return Apart(
        tuple(apart.source[row] for row in records.rows) if apart.source else (),
        tuple(tuple(values[row] for row in records.rows) for values in apart.strong),
        tuple((int(rank[a]), int(rank[b])) for a, b in apart.pairs),
    )


def _joined(n: int, links: list[Link]) -> list[int]:
    """Connected components of what is merged."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = ([link.a for link in links], [link.b for link in links])
    return [
        int(g) for g in connected_components(coo_array((np.ones(len(links)), ends), shape=(n, n)), directed=False)[1]
    ]
