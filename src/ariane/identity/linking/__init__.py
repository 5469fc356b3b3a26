"""Records without shared keys, matched by what they say: till names, call notes, partners' files. `read` takes records
in, each `Column` with what it means; `link` finds which are one person's: blocking on rare combinations, what agreement
is worth learned without labels (Fellegi and Sunter's model, by Splink), average linkage that keeps `Apart` what may not
meet, probabilities calibrated. Surest pairs are merged, the next asked of a steward, whose `Answer`s `teach` the model.
`Known` asks whether one record's person is known, in milliseconds. Needs the extra `linkage`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.identity.linking.clustering import Apart, cluster
    from ariane.identity.linking.columns import Column
    from ariane.identity.linking.knowing import Known
    from ariane.identity.linking.linking import Linked, link
    from ariane.identity.linking.model import Model
    from ariane.identity.linking.reading import read
    from ariane.identity.linking.teaching import Answer, teach

__all__ = ["Answer", "Apart", "Column", "Known", "Linked", "Model", "cluster", "link", "read", "teach"]

__getattr__ = face(
    __name__,
    {
        "Answer": "teaching",
        "Apart": "clustering",
        "Column": "columns",
        "Known": "knowing",
        "Linked": "linking",
        "Model": "model",
        "cluster": "clustering",
        "link": "linking",
        "read": "reading",
        "teach": "teaching",
    },
)
