"""DAISI on Lorenz-63, tuned on truths of its own beside ETKF and EnKF that are tuned as strongly.

    python benchmarks/daisi.py [all z arctan absolute] [--truths 3] [--cycles 30] [--steps 25]

For every setting of `dalab table daisi` on Lorenz-63 it prints the scores of each option on truths
of seed 100, of which the first third of the analyses is left out: t_min, then epsilon, then the
guidance and the noise of the inversion, one after the other, each at the best so far by the CRPS;
relaxation and inflation of the ETKF and the EnKF likewise. Then those that were best, with 50 steps
of DAISI whatever the search had, its published options, and a bootstrap filter of 20,000 particles,
on the ten truths of the table, which the search has not seen.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch

from dalab import Config, execute
from dalab.experiments.tables.rows import published_rows

START, MEMBERS = "lorenz63-", 64
T_MIN, EPSILON = (0.1, 0.3, 0.5, 0.7, 0.9), (0.0, 0.03, 0.1, 0.3)
OTHERS: tuple[Mapping[str, object], ...] = (
    {"iterations": 5}, {"guidance": "dps-scale"}, {"guidance": "spectral"},
    {"inversion_epsilon": 0.03},
)
"""Guidance and noise of the inversion, beside mmps with one iteration and the published noise."""

RTPS, INFLATION = (0.0, 0.3, 0.6, 0.9), (1.0, 1.02, 1.05, 1.1, 1.2)
REFERENCE = "pf:members=20000"


class Score(NamedTuple):
    """Scores of a filter, with standard errors; the RMSE in the units of the equations."""

    text: str
    crps: float
    crps_err: float
    rmse: float
    rmse_err: float
    spread_skill: float

    def __str__(self) -> str:
        return (
            f"CRPS {self.crps:.4f} +- {self.crps_err:.4f}, RMSE {self.rmse:.3f} +- "
            f"{self.rmse_err:.3f}, spread/skill {self.spread_skill:.2f}  {self.text}"
        )


def settings() -> dict[str, Config]:
    """Experiments of the table on Lorenz-63, by what is observed."""
    rows = (row for row in published_rows("daisi") if row.setting.startswith(START))
    return {row.setting.removeprefix(START): row.config for row in rows}


def scores(config: Config, texts: Iterable[str]) -> list[Score]:
    """Scores of filters, printed as they are found; infinite where one failed."""
    found = []
    for text in texts:
        metrics = execute(config.replace(methods=(text,)))["metrics"].to_dataset().isel(method=0)
        names = ("crps", "crps_err", "rmse_units", "rmse_units_err", "spread_skill")
        failed = str(metrics["status"].values).startswith("failed")
        numbers = [math.inf if failed else float(metrics[name]) for name in names]
        found.append(Score(text, *numbers))
        print(f"    {found[-1]}", flush=True)
    return found


def best(found: Iterable[Score]) -> str:
    """The filter with the lowest CRPS."""
    return min(found, key=lambda score: score.crps).text


def daisi(steps: int = 50, **options: object) -> str:
    """Registry text of DAISI for a small problem."""
    whole = {"members": MEMBERS, "steps": steps, "inversion_steps": steps, "batch": 4096, **options}
    return "daisi:" + ",".join(f"{name}={value}" for name, value in whole.items())


def tune_daisi(config: Config, steps: int) -> Mapping[str, object]:
    """Options of the best DAISI of a search, one after the other."""
    chosen: Mapping[str, object] = {}
    searches = [{"t_min": t} for t in T_MIN], [{"epsilon": e} for e in EPSILON], [{}, *OTHERS]
    for choices in searches:
        options = [{**chosen, **choice} for choice in choices]
        texts = [daisi(steps, **one) for one in options]
        chosen = options[texts.index(best(scores(config, texts)))]
    return chosen


def tune_kalman(name: str, config: Config) -> str:
    """The best setting of an ensemble Kalman filter."""
    start = f"{name}:members={MEMBERS}"
    first = scores(config, [f"{start},rtps={rtps},inflation=1.0" for rtps in RTPS])
    relaxed = best(first).removesuffix("1.0")
    others = scores(config, [f"{relaxed}{inflation}" for inflation in INFLATION[1:]])
    return best([*first, *others])


def benchmark(name: str, config: Config, truths: int, cycles: int, steps: int) -> None:
    """Tune on some truths, print the scores on others."""
    search = config.replace(seed=100, repeats=truths, cycles=cycles, burn_in=cycles // 3)
    print(f"{name}: search on {truths} truths", flush=True)
    chosen = tune_daisi(search, steps)
    kalman = [tune_kalman(kind, search) for kind in ("etkf", "enkf")]
    print(f"{name}: scores on {config.repeats} others", flush=True)
    scores(config, [daisi(**chosen), *kalman, daisi(), REFERENCE])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="*", default=list(settings()))
    parser.add_argument("--truths", type=int, default=3)
    parser.add_argument("--cycles", type=int, default=30)
    parser.add_argument("--steps", type=int, default=25)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.settings:
        benchmark(name, settings()[name], given.truths, given.cycles, given.steps)
