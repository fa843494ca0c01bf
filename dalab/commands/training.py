"""The commands about priors of one's own: ``dalab data``, ``train``, ``calibrate``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ..values import SEEDS
from .interruption import interrupted_with

Option = typer.Option


def data(
    system: Annotated[str, typer.Argument(help="a flow; see: dalab list systems")],
    trajectories: Annotated[int, Option(max=10**6, help="independent trajectories")] = 64,
    days: Annotated[int, Option(max=10**7, help="states kept of each")] = 800,
    out: Annotated[Path | None, Option(help="folder; out/data/SYSTEM by default")] = None,
    simulate_at: Annotated[
        int | None,
        Option(max=10**5, help="cells along a side of the simulation: the system's, or twice it"),
    ] = None,
    start: Annotated[
        str, Option(help="noise, a library of states (qg64, qg64-fine), or a finished archive")
    ] = "noise",
    spinup: Annotated[
        int | None,
        Option(min=0, max=10**7, help="intervals before the first state; the system's own number"),
    ] = None,
    every: Annotated[int, Option(max=10**6, help="intervals between two kept states")] = 1,
    seed: Annotated[int, Option(min=0, max=SEEDS, help="of the initial noise")] = 0,
    device: Annotated[str, Option(help="auto, cpu, cuda, cuda:N or mps")] = "auto",
) -> None:
    """Simulate trajectories to train on: a Zarr archive. Run it again to go on after a stop."""
    from ..experiments.device import choose_device
    from ..systems import SYSTEMS
    from ..systems.simulation import plan_for, simulate
    from ..systems.spinup import check_spun_up

    flow = check_spun_up(SYSTEMS.make(system))
    plan = plan_for(
        flow, trajectories, days, simulate_at=simulate_at, spinup=spinup, seed=seed, start=start,
        every=every,
    )
    path = out or Path("out/data") / system
    clock = Clock(plan.total, "intervals")
    lost = f"the states since the last segment are lost; {path} keeps those before them."
    with interrupted_with(f"{lost} The same command goes on."):
        for done in simulate(path, plan, flow, choose_device(device)):
            clock.show(done)
    typer.echo(
        f"{path}: {plan.training} trajectories to train on, "
        f"{plan.trajectories - plan.training} held out, {plan.days} states each; {plan.source}"
    )


def train(
    recipe: Annotated[Path, typer.Argument(help="YAML file with fields of a recipe")],
    out: Annotated[Path | None, Option(help="folder; out/priors/NAME by default")] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda, cuda:N or mps")] = "auto",
) -> None:
    """Train a prior, or the network of a score filter; run it again to go on after a stop.

    A recipe with a method is that of a network. Ctrl-C writes a checkpoint first. Under torchrun,
    it works on several devices.
    """
    from ..experiments.device import choose_device
    from ..methods.generative.networks.recipe import NetworkRecipe
    from ..methods.generative.omega.method import Omega
    from ..methods.generative.omega.residual.recipe import ResidualRecipe
    from ..methods.generative.omega.residual.training import ResidualTraining, problem_of
    from ..methods.generative.training.network_training import NetworkTraining
    from ..priors.files.recipe import Recipe, read_fields
    from ..priors.training.distributed import processes
    from ..priors.training.pipeline import Training

    fields = read_fields(recipe)
    wanted: Recipe | NetworkRecipe | ResidualRecipe
    if fields.get("method") == "omega":
        wanted = ResidualRecipe.from_dict(fields)
    elif "method" in fields:
        wanted = NetworkRecipe.from_dict(fields)
    else:
        wanted = Recipe.from_dict(fields)
    folder = out or Path("out/priors") / wanted.name
    kept = f"{folder} keeps the last complete checkpoint. The same command goes on."
    with interrupted_with(kept), processes(choose_device(device)) as (rank, place):
        training: Training | NetworkTraining | ResidualTraining
        if isinstance(wanted, ResidualRecipe):
            baseline = Omega(baseline=wanted.baseline, members=wanted.members, network="none")
            training = ResidualTraining(wanted, baseline, problem_of(wanted), folder, place)
        elif isinstance(wanted, NetworkRecipe):
            training = NetworkTraining(wanted, folder, place)
        else:
            training = Training(wanted, folder, place)
        clock = Clock(training.steps, "steps", silent=rank > 0)
        for step in training.run():
            clock.show(step.step, f"loss {step.loss:.4f}")
        if rank == 0:
            path, made = training.finish()
            show(made.validation)
            typer.echo(f"wrote {path} ({path.stat().st_size / 2**20:.1f} MiB)")


def calibrate(
    prior: Annotated[str, typer.Argument(help="name of a trained prior, or its file")],
    data: Annotated[Path, Option(help="archive whose held-out trajectories are used")],
    windows: Annotated[int, Option(max=10**6, help="held-out windows")] = 64,
    out: Annotated[Path | None, Option(help="file to write; the prior's own by default")] = None,
) -> None:
    """Measure a prior's error covariance and validation table anew; write them into its file."""
    from ..priors.training.recalibrate import recalibrate

    path, table = recalibrate(prior, data, windows, out)
    show_validation(table)
    typer.echo(f"wrote {path}")


def show(table: list[dict[str, float]]) -> None:
    """The validation of whatever was trained."""
    if "gain" in table[0]:
        show_gate(table[0])
    else:
        (show_errors if "error" in table[0] else show_validation)(table)


def show_gate(found: dict[str, float]) -> None:
    """The held-out losses of a residual score."""
    kept = found["gain"] > 2 * found["error"]
    typer.echo(
        f"held-out loss {found['without']:.5f}, lower by {found['gain']:.5f} +- "
        f"{found['error']:.5f} with the residual: {'kept' if kept else 'not used'}"
    )


def show_validation(table: list[dict[str, float]]) -> None:
    """The denoising errors of a prior as a table."""
    typer.echo("   sigma   Gaussian      start    trained   ratio")
    for row in table:
        typer.echo(
            f"{row['sigma']:8.2f} {row['gaussian']:10.4f} {row['start']:10.4f} "
            f"{row['trained']:10.4f} {row['ratio']:7.3f}"
        )


def show_errors(table: list[dict[str, float]]) -> None:
    """The errors of a score filter's network as a table."""
    typer.echo("    time      error")
    for row in table:
        typer.echo(f"{row['time']:8.2f} {row['error']:10.4f}")


class Clock:
    """Progress and time left on the error stream, at most twice a second.

    Args:
        total: what there is to do.
        unit: its name.
        silent: whether to say nothing.
    """

    def __init__(self, total: int, unit: str, silent: bool = False) -> None:
        self.total, self.unit, self.silent = total, unit, silent
        self.first: tuple[float, int] | None = None
        self.shown = 0.0

    def show(self, done: int, note: str = "") -> None:
        """Say that ``done`` of the total is done."""
        now = time.monotonic()
        if self.first is None:
            self.first = (now, done)
        if self.silent or (now - self.shown < 0.5 and done < self.total):
            return
        self.shown = now
        line = f"{done} of {self.total} {self.unit}  {self._left(now, done)}  {note}"
        end = "\n" if done >= self.total else ""
        sys.stderr.write(f"\r{line:<70}{end}")
        sys.stderr.flush()

    def _left(self, now: float, done: int) -> str:
        start, before = self.first or (now, done)
        if done == before or done >= self.total:
            return ""
        seconds = round((now - start) / (done - before) * (self.total - done))
        return f"{seconds // 60}:{seconds % 60:02d} left"


COMMANDS: tuple[Any, ...] = (data, train, calibrate)
