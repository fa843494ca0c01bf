"""Errors of cycled filters that see the drift of tracers in two-layer flow, by their number.

    python benchmarks/drifters.py [--cycles 60] [--counts 25 50 100 200 400]

Analyses of qg64 once a day from the climate; every tracer delivers its drift of a day, with an
error of a tenth of its spread. The ensemble filters are tuned on another seed. RMSE of the analyses
after the first half, spread/skill, seconds.
"""

from __future__ import annotations

import argparse

import dalab

METHODS = (
    "oi", "enkf:members=40,inflation=1.02,localisation=7",
    "letkf:members=40,inflation=1.02,localisation=4",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=60)
    parser.add_argument("--counts", type=int, nargs="+", default=[25, 50, 100, 200, 400])
    options = parser.parse_args()
    for count in options.counts:
        result = dalab.execute({
            "operators": ["drift"], "masks": [f"drifters:count={count}"], "noise": 0.1,
            "methods": METHODS, "cycles": options.cycles, "burn_in": options.cycles // 2,
        })
        for _, row in dalab.table(result).iterrows():
            print(f"{count:4d} tracers  {row['method']:6s} {row['rmse_mean']:.3f} +- "
                  f"{row['rmse_mean_err']:.3f}  spread/skill {row['spread_skill']:.2f}  "
                  f"{row['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
