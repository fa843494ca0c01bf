"""The search behind the tuned ensemble filters: radius and inflation by share of cells observed.

Arctan on qg64, noise 0.1, every day, perfect model, with and without a background; the winner has
the lowest RMSE of the ensemble mean over the seeds. Prints every setting and the winners.

    python benchmarks/tune_filters.py [--method letkf] [--members 24 40] [--seeds 2] [--quick]
"""

from __future__ import annotations

import argparse
from itertools import product

from dalab.experiments.config import Config
from dalab.experiments.run import execute
from dalab.metrics.table import table

RATIOS = (1.0, 0.25, 0.0625, 0.01)
RADII = (1.5, 2.0, 3.0, 4.0, 6.0, 9.0)
INFLATIONS = (1.0, 1.1, 1.25)


def score(method: str, config: Config, seeds: int) -> float:
    """RMSE of the mean over all steps and seeds; infinite where a run failed."""
    total = 0.0
    for seed in range(seeds):
        row = table(execute(config.replace(methods=(method,), seed=100 + seed))).iloc[0]
        total += float(row["rmse_mean"]) if row["status"] == "complete" else float("inf")
    return total / seeds


def search(name: str, members: int, config: Config, seeds: int) -> tuple[float, str]:
    """The best setting of a filter for one experiment, and its score."""
    found = []
    for radius, inflation in product(RADII, INFLATIONS):
        text = f"{name}:localisation={radius},inflation={inflation},ensemble={members}"
        found.append((score(text, config, seeds), text))
        print(f"    {found[-1][0]:.4f}  {text}", flush=True)
    return min(found)


def main(name: str, sizes: list[int], seeds: int, ratios: tuple[float, ...]) -> None:
    for members, ratio, background in product(sizes, ratios, (None, 0.1)):
        mask = f"random:{ratio}" if ratio < 1 else "full"
        base = Config(masks=(mask,), background=background, prior="gaussian", members=2)
        best, text = search(name, members, base, seeds)
        first = "none" if background is None else background
        print(f"ratio {ratio}, background {first}: {best:.4f} by {text}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="letkf")
    parser.add_argument("--members", type=int, nargs="+", default=[24])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one ratio, one seed")
    given = parser.parse_args()
    main(given.method, given.members, 1 if given.quick else given.seeds,
         RATIOS[1:2] if given.quick else RATIOS)
