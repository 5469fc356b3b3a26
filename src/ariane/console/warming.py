"""The first look is the one that counts: what the first screens show is computed once before anybody asks."""

from __future__ import annotations

import sys
import threading

from ariane.console import findings, measuring, reading
from ariane.console.asked import Asked
from ariane.console.desk import Desk
from ariane.errors import ArianeError

CALM_S = 3.0


class Warming:
    """A thread that waits until the lake has been still for a moment, measures the journey, and ends."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="warming", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end, and wait for the query it is in."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            seen = None
            while not self._stopping.wait(CALM_S):
                now = self.desk.engine.versions()
                if now == seen and self.desk.extent().n_events:
                    break
                seen = now
            periods = ({}, {"range": "all"}) if self.desk.truth else ({},)
            for asked in (Asked("/", params, "en") for params in periods):
                for compute in (findings.found, measuring.measure):
                    if not self._stopping.is_set():
                        compute(self.desk, asked)
            if not self._stopping.is_set():
                reading.segment_values(self.desk)
        except ArianeError:
            return  # the screen that needs it will say what is wrong
        except Exception as error:
            sys.stderr.write(f"ariane console: warming stopped: {error!r}\n")
