"""The exact filter of a flow from drifting tracers beside an EnKF: the numbers in docs/systems.md.

    python benchmarks/tracers.py [L ...]        by default 1 2 5 10 20 50 100 tracers

The path of the tracers is seen in every time step of 0.02 with next to no error, by two truths of
300 cycles. Shown are the root mean square error and the spread of the modes in units of their
climate after 100 cycles, the error of the velocity in units of its own over the last 128 cycles of
the first truth, and milliseconds per cycle and truth. Both methods have 100 members; of three
inflations of the EnKF, the one with the least error is shown.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
import xarray as xr

from dalab import Config, execute, table
from dalab.systems import SYSTEMS
from dalab.systems.conditional_gaussian.tracers import Tracers

METHODS = ("omega:regime=path", *(f"enkf:inflation={i}" for i in (1.0, 1.02, 1.05)))
COMMON = Config(
    cycles=300, burn_in=100, repeats=2, operators=["resolved"], masks=["full"], noise=5e-4,
    members=100, device="cpu", methods=list(METHODS),
)  # fmt: skip


def velocity_error(system: Tracers, tree: xr.DataTree, method: str) -> float:
    """Root mean square error of the velocity, whose own mean square is one."""
    mean = tree[f"/estimates/{method}/pv"].mean("member").values
    error = (mean - tree["/truth/pv"].values)[:, system.resolved :, 0, 0]
    parts = error * system.scale.flatten()[system.resolved :].numpy()
    return float(np.sqrt((parts**2).sum(-1).mean() / 2))


def report(count: int) -> None:
    """Print the scores of both methods with a number of tracers."""
    system = SYSTEMS.make(f"tracers:count={count}")
    tree = execute(COMMON.replace(system=f"tracers:count={count}"))
    rows = table(tree)
    enkf = rows[rows["method"] != "omega"]["rmse_hidden"].idxmin()
    for index in (0, enkf):
        row, name = rows.loc[index], rows.loc[index, "method"]
        speed = velocity_error(system, tree, name)
        ms = 1000 * row["seconds"] / COMMON.cycles / COMMON.repeats
        print(f"{count:>4} {METHODS[index]:>20} {row['rmse_hidden']:>7.3f} "
              f"{row['spread_hidden']:>7.3f} {speed:>9.3f} {ms:>7.2f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"{'L':>4} {'method':>20} {'modes':>7} {'spread':>7} {'velocity':>9} {'ms':>7}")
    for text in sys.argv[1:] or ["1", "2", "5", "10", "20", "50", "100"]:
        report(int(text))
