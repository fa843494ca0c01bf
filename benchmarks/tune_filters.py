"""The search behind the tuned ensemble filters: radius and inflation by share of cells observed.

Arctan on qg64, noise 0.1, every day, perfect model, with and without a background. From the winner
of the last experiment the search walks to the best neighbour on the grid of radii and inflations
until none has a lower RMSE of the ensemble mean over the seeds of the search; the score to expect
comes from other seeds. Prints every setting tried, and the winner of each experiment.

    python benchmarks/tune_filters.py [--method letkf] [--members 24 40] [--ratios 1 0.25 0.0625]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from functools import cache
from itertools import product

from dalab.experiments.config import Config
from dalab.experiments.run import execute
from dalab.methods import METHODS
from dalab.metrics.table import table

RATIOS = (1.0, 0.25, 0.0625, 0.01)
RADII = (0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0)
INFLATIONS = (1.0, 1.05, 1.1, 1.2, 1.35)
Place = tuple[int, int]
START = (2, 2)
SEARCH, EXPECT = range(100, 102), range(200, 203)


def score(method: str, config: Config, seeds: Iterable[int]) -> float:
    """RMSE of the mean over all steps and seeds; infinite where a run failed."""
    found = []
    for seed in seeds:
        row = table(execute(config.replace(methods=(method,), seed=seed))).iloc[0]
        found.append(float(row["rmse_mean"]) if row["status"] == "complete" else float("inf"))
    return sum(found) / len(found)


def setting(name: str, members: int, place: Place) -> str:
    """A filter with the radius and inflation of a place on the grid."""
    i, j = place
    radius = f"localisation={RADII[i]}," if is_local(name) else ""
    return f"{name}:{radius}inflation={INFLATIONS[j]},members={members}"


def is_local(name: str) -> bool:
    return "localisation" in METHODS[name].param


def search(name: str, members: int, config: Config, start: Place) -> Place:
    """The best place on the grid for one experiment."""

    @cache
    def value(place: Place) -> float:
        text = setting(name, members, place)
        found = score(text, config, SEARCH)
        print(f"    {found:.4f}  {text}", flush=True)
        return found

    here, there = None, start
    while here != there:
        here = there
        there = min(neighbours(*here, is_local(name)), key=value)
    return here


def neighbours(i: int, j: int, local: bool) -> list[Place]:
    """A place on the grid, first, and those one step of radius or inflation away."""
    near = [(i, j), *((i + d, j) for d in (-1, 1) if local), (i, j - 1), (i, j + 1)]
    return [(a, b) for a, b in near if 0 <= a < len(RADII) and 0 <= b < len(INFLATIONS)]


def main(name: str, sizes: list[int], ratios: list[float]) -> None:
    best = START
    for members, ratio, background in product(sizes, ratios, (None, 0.1)):
        mask = f"random:{ratio}" if ratio < 1 else "full"
        config = Config(masks=(mask,), background=background, prior="gaussian", members=2)
        best = search(name, members, config, best)
        text = setting(name, members, best)
        expected = score(text, config, EXPECT)
        print(f"share {ratio}, background {background}: {expected:.3f} by {text}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="letkf")
    parser.add_argument("--members", type=int, nargs="+", default=[24])
    parser.add_argument("--ratios", type=float, nargs="+", default=list(RATIOS))
    given = parser.parse_args()
    main(given.method, given.members, given.ratios)
