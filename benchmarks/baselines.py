"""Every baseline on one problem: arctan of a quarter of the cells, every day, with a background.

Bar: all of them run, none diverges, and ``var4d`` and ``letkf`` beat ``oi``. ``spectral`` stands
beside them.

    python benchmarks/baselines.py [SEED]
"""

from __future__ import annotations

import sys

from dalab.experiments.config import Config
from dalab.experiments.run import execute
from dalab.metrics.table import table

BASELINES = ("persistence", "climatology", "oi", "var3d", "var4d", "enkf", "etkf", "letkf", "enks",
             "pf", "pff")


def main(seed: str = "0") -> None:
    config = Config(methods=(*BASELINES, "spectral"), background=0.1, members=8,
                    seed=int(seed))
    found = table(execute(config)).set_index("method")
    columns = ["rmse_mean", "rmse_sample", "crps", "spread_skill", "seconds", "status"]
    print(found[columns].round(3).to_string())
    rmse = found["rmse_mean"]
    complete = bool((found["status"] == "complete").all())
    met = complete and max(rmse["var4d"], rmse["letkf"]) < rmse["oi"]
    print(f"all complete, var4d and letkf below oi: {met}")


if __name__ == "__main__":
    main(*sys.argv[1:])
