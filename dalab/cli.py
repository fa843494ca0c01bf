"""The command line: ``dalab list``, ``run``, ``demo``, ``lab``, ``doctor``, and data commands.

Nothing heavy is imported until a command needs it.
"""

from __future__ import annotations

import errno
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from . import __version__
from .commands.interruption import EXIT_CODE, interrupted_with
from .commands.options import with_config_options
from .commands.table import table
from .commands.training import COMMANDS
from .errors import InputError
from .values import SEEDS

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""Errors of a disk that is full, over a quota, read-only or broken."""


class _Group(TyperGroup):
    """Command group that reports in one line: bad input with code 2, a full disk with code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(2) from None
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            where = f" ({error.filename})" if error.filename else ""
            typer.echo(f"Error: {error.strerror}{where}. Files from before are kept.", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=_Group, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dalab {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="show the version"),
    ] = False,
) -> None:
    """A lab for generative data assimilation."""
    warnings.formatwarning = lambda message, *_, **__: f"Warning: {message}\n"


KINDS = ("systems", "operators", "masks", "priors", "methods", "noises", "truths")
"""Kinds of entries that can be listed."""


@app.command("list")
def list_(
    kind: Annotated[str, typer.Argument(help=f"{', '.join(KINDS)}; all by default")] = "",
    names: Annotated[list[str] | None, typer.Argument(help="all of the kind by default")] = None,
) -> None:
    """List what can be chosen, with options, defaults and bounds."""
    from .options import lookup

    plural = f"{kind}s" if f"{kind}s" in KINDS else kind
    if kind:
        lookup("list", plural, dict.fromkeys(KINDS))

    from .catalogue import entries, listing, overview

    for line in listing(entries(plural, names or ()) if kind else overview()):
        typer.echo(line)
    if not kind:
        typer.echo("\nOptions: dalab list methods, or of some: dalab list methods spectral letkf")


Option = typer.Option
Out = Annotated[Path | None, Option(help="result: FILE.nc (NetCDF-4) or FILE.zarr")]


def run(
    config: Annotated[
        Path | None, typer.Argument(help="YAML or JSON file: a config, or the run.json of a run")
    ] = None,
    out: Out = None,
    json: Annotated[Path | None, Option(help="scores: FILE.json")] = None,
    checkpoint: Annotated[
        Path | None,
        Option(help="folder of a cycled run: stopped, it goes on from there with the same command"),
    ] = None,
    **fields: Any,
) -> None:
    """Run a twin experiment and print its scores; options override the file.

    Ctrl-C ends it early: what was computed is scored and written, and the exit code is 130.
    """
    from .experiments.config import Config
    from .experiments.config_file import load_config

    base = load_config(config) if config is not None else Config()
    changes = {k: v for k, v in fields.items() if v not in (None, [])}
    read = [] if config is None else [config]
    _finish(_run(base.replace(**changes), out, json, checkpoint, read))


app.command()(with_config_options(run))


def _run(
    config: Any, out: Path | None, json: Path | None, checkpoint: Path | None = None,
    read: Sequence[Path] = (),
) -> Any:
    """Run, print and write; the result."""
    from .experiments.experiment import Experiment

    experiment = Experiment.of(config)  # bad input is refused before what only runs need is loaded

    from .experiments.results.output import check_result, check_scores, save_somewhere
    from .terminal import run_with_progress, show_scores, write_json

    inputs = [*(one for one in (config.truth, config.start, config.prior) if one), *read]
    if out is not None:
        check_result(out, inputs)
    if json is not None:
        check_scores(json, inputs)
    with interrupted_with(_loss(out or json, checkpoint)):
        tree = run_with_progress(experiment, checkpoint)
        show_scores(tree)
        if out is not None:
            typer.echo(f"wrote {save_somewhere(tree, out)}", err=True)
        if json is not None:
            write_json(tree, json)
            typer.echo(f"wrote {json}", err=True)
    return tree


def _loss(out: Path | None, checkpoint: Path | None) -> str:
    """Describe what a run loses if it is interrupted before its result is written."""
    kept = "" if out is None else f"; an earlier {out} is as it was"
    if checkpoint is None:
        return f"the scores and states of this run are lost{kept}."
    lost = f"the cycles since the last checkpoint in {checkpoint} are lost{kept}."
    return f"{lost} The same command goes on."


def _finish(tree: Any) -> None:
    """End with 130 after Ctrl-C, with 1 if a method failed."""
    status = tree.attrs["status"]
    if status != "complete":
        raise typer.Exit(EXIT_CODE if status == "cancelled" else 1)


def demo_config(device: str) -> Any:
    """The default experiment."""
    from .experiments.config import Config

    return Config(device=device)


@app.command()
def demo(
    out: Annotated[Path, Option(help="folder for demo.nc and demo.png")] = Path("out"),
    device: Annotated[str, Option(help="auto, cpu, cuda, cuda:N or mps")] = "auto",
) -> None:
    """Run the default experiment: score table, demo.nc and a figure. Takes about a minute."""
    tree = _run(demo_config(device), out / "demo.nc", None)
    if "truth" in tree.children:
        from .views.render.result_figure import write

        typer.echo(f"wrote {write(tree, out / 'demo.png')}", err=True)
    _finish(tree)


@app.command()
def lab(
    port: Annotated[int, Option(min=0, max=65535, help="where to listen")] = 5006,
    show: Annotated[bool, Option("--show/--no-show", help="open a browser")] = True,
    address: Annotated[str, Option(help="where to listen; see docs/deploy.md")] = "localhost",
    origin: Annotated[list[str] | None, Option(help="HOST[:PORT] of the page; may be repeated")]
    = None,
    users: Annotated[Path | None, Option(help="JSON file of names and passwords")] = None,
    allow_anyone: Annotated[
        bool, Option("--allow-anyone", help="let everybody in who reaches the address")
    ] = False,
    at_once: Annotated[
        int, Option(min=1, max=1024, help="runs at the same time on one device")
    ] = 1,
    max_runs: Annotated[float | None, Option(help="runs of a session, waiting or at work")] = None,
    max_waiting: Annotated[float | None, Option(help="runs of all sessions that wait")] = None,
    max_seconds: Annotated[float | None, Option(help="time of a run")] = None,
    max_size: Annotated[float | None, Option(help="grid x window x members x methods of a run")]
    = None,
    runs: Annotated[str, Option(help="folder for finished runs, listed again after a reload; "
                                "none to keep none; by default DALAB_RUNS, or one of yours")] = "",
) -> None:
    """Serve the lab as a web page, on this machine unless told otherwise.

    Limits that are not given are those of the environment, DALAB_MAX_RUNS and so on, or none.
    """
    from .views.panel.serve import serve

    limits = {"runs": max_runs, "waiting": max_waiting, "seconds": max_seconds, "size": max_size}
    serve(port=port, show=show, address=address, origins=origin or (), users=users,
          allow_anyone=allow_anyone, service=_service(at_once, limits), runs=runs)


def _service(at_once: int, limits: dict[str, float | None]) -> Any:
    from dataclasses import replace

    from .experiments.service.limits import Limits
    from .experiments.service.service import Service

    given = {name: value for name, value in limits.items() if value is not None}
    return Service(replace(Limits.of_environment(), **given), at_once)


@app.command()
def doctor(
    denoise: Annotated[
        bool, typer.Option("--denoise", help="try the trained priors too, half a minute")
    ] = False,
) -> None:
    """Show versions, devices, memory and the files that ship, and check these."""
    from .doctor import report

    for what, finding in report(denoise):
        typer.echo(f"{what:<12} {finding}")


@app.command()
def climatology(
    system: Annotated[str, typer.Argument(help="see: dalab list systems")],
    trajectories: Annotated[int, Option(max=10**6, help="for the prior")] = 36,
    days: Annotated[int, Option(max=10**7, help="intervals to follow each of them")] = 1600,
    spinup: Annotated[
        int | None, Option(min=0, max=10**7, help="intervals before; the system's own by default")
    ] = None,
    seed: Annotated[
        int, Option(min=0, max=SEEDS, help="of the prior; the states take the one after it")
    ] = 0,
    libraries: Annotated[bool, Option(help="write the libraries of states too")] = True,
    out: Annotated[Path | None, Option(help="folder; the package's own by default")] = None,
) -> None:
    """Spin up a system and write its Gaussian prior and its libraries of states."""
    from .files import check_folder
    from .priors import WEIGHTS
    from .priors.training.climatology import measure, write_prior
    from .systems import SYSTEMS
    from .systems.library import DATA
    from .systems.spinup import check_spun_up, make_library

    flow = check_spun_up(SYSTEMS.make(system))
    for folder in (out,) if out else (WEIGHTS, DATA):
        check_folder(folder / system)
    how = {
        "trajectories": trajectories, "days": days, "seed": seed,
        "spinup": flow.spinup if spinup is None else spinup,
    }
    found = measure(flow, **how, progress=_percent)
    for name, ratio, std in zip(flow.variables, found.std, flow.scale.flatten(), strict=True):
        typer.echo(f"{name}: std {ratio * std:.4g} {flow.units}, normalised by {std:.4g}")
    typer.echo(f"wrote {write_prior(found, flow, out or WEIGHTS, **how)}: {found.windows} windows")
    if libraries:
        for path in make_library(flow, seed=seed + 1, progress=_percent, folder=out or DATA):
            typer.echo(f"wrote {path}")


for command in (table, *COMMANDS):
    app.command()(command)


def _percent(done: int, total: int) -> None:
    """Progress on the error stream, a hundred times at most."""
    if done * 100 // total != (done - 1) * 100 // total:
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r{done * 100 // total:3d} %{end}")
        sys.stderr.flush()
