"""Skill and cost of 4D-Var on two-layer flow: arctan of a share of the cells, every day, 9 days.

Perfect model, no background, noise 0.1. Prints the RMSE of one deterministic 4D-Var per share,
averaged over seeds, beside the bars, and the seconds per window (bar: 60 on two quiet cores).

    python benchmarks/var4d.py [SEEDS] [METHOD]
"""

from __future__ import annotations

import sys

from dalab.experiments.config import Config
from dalab.experiments.run import execute
from dalab.metrics.table import table

BARS = {1.0: 0.109, 0.25: 0.278, 0.0625: 0.686}


def main(seeds: int = 4, method: str = "var4d") -> None:
    for ratio, bar in BARS.items():
        scores = []
        for seed in range(seeds):
            config = Config(
                operators=("arctan",), masks=(f"random:{ratio}",), noise=0.1, background=None,
                methods=(method,), members=1, seed=seed,
            )  # fmt: skip
            row = table(execute(config)).iloc[0]
            scores.append(row["rmse_mean"])
            print(f"  ratio {ratio}, seed {seed}: {scores[-1]:.4f}, {row['seconds']:.1f} s")
        print(f"ratio {ratio}: RMSE {sum(scores) / seeds:.4f} over {seeds} seeds (bar {bar})")


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, str), sys.argv[1:], strict=False)))
