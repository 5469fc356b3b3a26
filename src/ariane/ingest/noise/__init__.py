"""What no person did: machines that say what they are (`machine_mark`, of one event's context), and days on which an
identifier did what no person does (`noise`, over the lake).

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane.ingest.noise import distance_km, machine_mark, noise
>>> from ariane.settings import Noise, Place
>>> from ariane.store import DuckEngine, Lake
>>> machine_mark({"userAgent": "Googlebot/2.1"}), noise(DuckEngine(Lake(Path(mkdtemp()))), Noise()).num_rows
('user_agent', 0)
>>> round(distance_km(Place(45.764, 4.8357), Place(48.8566, 2.3522)))
391
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.ingest.bots import machine_mark
    from ariane.ingest.noise.days import distance_km, noise

__all__ = ["distance_km", "machine_mark", "noise"]

__getattr__ = face(
    __name__,
    {"distance_km": "days", "machine_mark": "ariane.ingest.bots", "noise": "days"},
)
