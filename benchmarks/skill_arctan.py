"""Skill of spectral guidance with the Gaussian prior: arctan of everything, every day.

Prints the one-sample RMSE, averaged over seeds, beside the bar of 0.13. Climatology is 1.0; the
best published figure, with a trained network at 256 x 256 and another truth, is 0.138.

    python benchmarks/skill_arctan.py [SEEDS]
"""

from __future__ import annotations

import sys

from dalab.experiments.config import Config
from dalab.experiments.run import execute
from dalab.metrics.table import table


def main(seeds: int = 5) -> None:
    rows = []
    for seed in range(seeds):
        config = Config(
            operators=("arctan",), masks=("full",), noise=0.1, background=None, prior="gaussian",
            methods=("spectral",), steps=48, members=4, seed=seed,
        )  # fmt: skip
        row = table(execute(config)).iloc[0]
        rows.append(row["rmse_sample"])
        print(
            f"seed {seed}: one sample {row['rmse_sample']:.4f}, mean {row['rmse_mean']:.4f}, "
            f"spread/skill {row['spread_skill']:.2f}, {row['seconds'] / 4:.2f} s per sample"
        )
    print(f"one-sample RMSE over {seeds} seeds: {sum(rows) / seeds:.4f} (bar 0.13)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
