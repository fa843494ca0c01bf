"""Tables of a trained prior, measured again on other windows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from ...errors import InputError
from ...files import check_folder
from ...systems import SYSTEMS
from ..files.bundled import SUFFIX, trained_path
from ..files.header import Header
from ..files.recipe import Recipe
from ..files.trained import load_core, save_trained
from .pipeline import (
    fit_forecast,
    held_out_windows,
    load_data,
    measure_errors,
    training_windows,
)
from .validation import validation_table


@torch.no_grad()
def recalibrate(
    prior: str, data: Path | str, windows: int, out: Path | None = None
) -> tuple[Path, list[dict[str, float]]]:
    """Measure the error covariances and the validation table of a prior, and write them.

    Args:
        prior: name of a bundled trained prior, or a file.
        data: archive; its held-out trajectories are used, and its training trajectories for the
            forecast.
        windows: number of held-out windows.
        out: file to write; the prior's own if ``None``.

    Returns:
        The file, and the validation table.

    Raises:
        InputError: if the prior or the data cannot be used, or another file would be replaced.
    """
    if windows < 1:
        raise InputError("windows", windows, "must be at least 1", "Use 64.")
    path = trained_path(prior)
    header = Header.read(path)
    _check_output(out or path)
    recipe = dataclasses.replace(
        Recipe.from_dict(header.recipe), data=str(data), held_out=windows
    )
    system = SYSTEMS.make(header.system)
    core, state, _ = load_core(path, system)
    archive = load_data(recipe.data, recipe.seed, system)
    if core.forecast is not None:
        known = training_windows(recipe, system, archive, torch.device("cpu"))
        fit_forecast(core.forecast, known.choose("fit", recipe.fit_windows))
    test = held_out_windows(recipe, system, archive)
    measure_errors(core, test, recipe.seed)
    table = validation_table(core, test, recipe.seed)
    save_trained(out or path, core, state, dataclasses.replace(header, validation=table))
    return out or path, table


def _check_output(path: Path) -> None:
    """Check that the file can be written, and that it replaces nothing but a trained prior."""
    if path.suffix != SUFFIX:
        raise InputError("output", str(path), f"must end in {SUFFIX}", f"Use prior{SUFFIX}.")
    if path.exists():
        Header.read(path)
    check_folder(path)

