"""Who behaves like one person (`identity.suggesting`), in simulated homes: persons with a phone and, most of them, a
laptop; one to three at home; offices, cafés and mobile networks that many use; tastes and hours of their own. What is
drawn is made up: it says how the rules behave, not how well they do on anybody's persons.
"""

from __future__ import annotations

import random
import time

from ariane.identity.suggesting import Habits, alike
from bench.row import Row

N_PERSONS, N_DAYS, SEEDS = 600, 40, range(5)
Pair = tuple[str, str]


def run() -> list[Row]:
    said = right = true = 0
    began = time.process_time()
    for seed in SEEDS:
        habits, planted = homes(seed)
        found = {(one.a, one.b) for one in alike(habits, frozenset())}
        said, right, true = said + len(found), right + len(found & planted), true + len(planted)
    seconds = time.process_time() - began
    note = f"{said} suggested, {right} of them right, {true} planted; {seconds:.1f} CPU seconds with the drawing"
    return [
        Row("suggested that are right", right / said, "", note=note),
        Row("planted that are found", right / true, ""),
    ]


def homes(seed: int) -> tuple[dict[str, Habits], set[Pair]]:
    """The habits of each machine, and the pairs that are one person's."""
    chance = random.Random(seed)
    habits: dict[str, Habits] = {}
    planted: set[Pair] = set()
    person = home = 0
    while person < N_PERSONS:
        home += 1
        for _ in range(chance.choice([1, 1, 1, 2, 2, 2, 3])):
            person += 1
            machines = [f"{person}-laptop", f"{person}-phone"] if chance.random() < 0.6 else [f"{person}-phone"]
            _live(habits, machines, home, chance)
            if len(machines) == 2:
                planted.add((machines[0], machines[1]))
    return habits, planted


def _live(habits: dict[str, Habits], machines: list[str], home: int, chance: random.Random) -> None:
    tastes, hours = [chance.randrange(400) for _ in range(6)], [chance.randrange(168) for _ in range(8)]
    office, at_home = chance.randrange(N_PERSONS // 30), chance.uniform(0.3, 0.95)
    for machine in machines:
        one, active = habits.setdefault(machine, Habits()), chance.uniform(0.1, 0.6)
        away = f"mobile-{chance.randrange(40)}" if machine.endswith("phone") else f"café-{chance.randrange(60)}"
        for day in range(N_DAYS):
            for _ in range(chance.randint(1, 3) if chance.random() < active else 0):
                place = chance.random()
                half = (1 + at_home) / 2
                network = f"home-{home}" if place < at_home else f"office-{office}" if place < half else away
                one.networks[network] += 1
                one.days[network, day] += 1
                one.pages[chance.choice(tastes) if chance.random() < 0.35 else chance.randrange(40)] += 1
                one.hours[chance.choice(hours) if chance.random() < 0.5 else chance.randrange(168)] += 1
