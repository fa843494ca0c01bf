"""Error of the ensemble mean against evaluations of the prior, for every diffusion method.

Prints the points and draws the curves: arctan of a quarter of the cells, every day, averaged over
seeds. Each method is run with several numbers of steps and the options of :data:`METHODS`.

    python benchmarks/skill_vs_evaluations.py [--quick] [--prior NAME] [--out FILE.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from matplotlib.figure import Figure

from dalab.experiments.config import Config
from dalab.experiments.run import execute
from dalab.metrics.table import table
from dalab.views.pictures.style import colour, dash

METHODS = {
    "spectral": "", "sda": "schedule=power,gamma=0.1,tau=0.25", "dps": "zeta=0.1",
    "dmps": "factor=1.0", "pgdm": "", "mmps": "iterations=3", "soad": "", "soad-repaired": "",
}
"""Options with which a method does well in few steps; the published ones are for many."""
STEPS = (8, 16, 32, 64, 128, 256)


def curves(prior: str, steps: tuple[int, ...], seeds: int) -> dict[str, list[tuple[float, float]]]:
    """(evaluations, RMSE) of every method at every number of steps."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
    texts = tuple(f"{name}:{given}" if given else name for name, given in METHODS.items())
    for number in steps:
        config = Config(prior=prior, methods=texts, steps=number, members=2)
        runs = [table(execute(config.replace(seed=seed))) for seed in range(seeds)]
        mean = sum(run.set_index("method")[["network_evaluations", "rmse_mean"]] for run in runs)
        for name, (evaluations, rmse) in (mean / seeds).iterrows():
            found[name].append((evaluations, rmse))
            print(f"{name:<14} {evaluations:6.0f} evaluations, RMSE {rmse:.4f}", flush=True)
    return found


def draw(found: dict[str, list[tuple[float, float]]], path: Path) -> None:
    page = Figure(figsize=(7, 4.5), layout="constrained")
    ax = page.subplots()
    for name, points in found.items():
        ax.plot(*zip(*points, strict=True), "o", linestyle=dash(name), color=colour(name),
                label=name)
    ax.set(xscale="log", yscale="log", xlabel="evaluations of the prior, per member",
           ylabel="RMSE of the ensemble mean")
    ax.grid(alpha=0.25)
    ax.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    page.savefig(path, dpi=150)
    print(f"wrote {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two numbers of steps, one seed")
    parser.add_argument("--prior", default="gaussian")
    parser.add_argument("--out", type=Path, default=Path("out/skill_vs_evaluations.png"))
    given = parser.parse_args()
    how = ((8, 16), 1) if given.quick else (STEPS, 3)
    draw(curves(given.prior, *how), given.out)
