"""Diagnostics of a result by method: calibration, spectra and physics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ...metrics.ensemble import coverage, rank_histogram, spread_steps
from ...metrics.physics import energy, enstrophy, residual_steps
from ...metrics.spectral import spectrum
from ...systems import System
from .recorded import system_of

FEW = 4
"""Number of members whose physics is diagnosed: each needs a forecast."""


@dataclass(frozen=True)
class Calibration:
    """Calibration of an ensemble; empty arrays for one member.

    Args:
        ranks: share of cells by rank of the truth, times the number of ranks; 1 if calibrated.
        expected: nominal coverage of the central intervals.
        covered: actual coverage of the central intervals.
        ratio: spread / error of the mean by step, corrected for the number of members.
    """

    ranks: np.ndarray
    expected: np.ndarray
    covered: np.ndarray
    ratio: np.ndarray


@dataclass(frozen=True)
class Spectra:
    """Variance by wavenumber of one layer, averaged over the window.

    Args:
        member: spectrum of single members.
        mean: spectrum of the ensemble mean.
        error: spectrum of the mean minus the truth.
    """

    member: np.ndarray
    mean: np.ndarray
    error: np.ndarray


@dataclass(frozen=True)
class Physics:
    """Physical consistency of states; energies are means over members.

    Args:
        residual: residual of the forecast model by step, ``(time - 1,)``, normalised; empty for a
            cycled run, whose analyses are not meant to be a trajectory.
        energy: energy by step.
        enstrophy: enstrophy by step; ``None`` for a system without.
    """

    residual: np.ndarray
    energy: np.ndarray
    enstrophy: np.ndarray | None


def ensembles(tree: xr.DataTree) -> dict[str, xr.DataArray]:
    """Return the estimates of a result, ``(member, time, lev, y, x)``, by label."""
    nodes = tree["estimates"].children if "estimates" in tree.children else {}
    return {label: cast(xr.DataArray, node["pv"]) for label, node in nodes.items()}


def truth_of(tree: xr.DataTree) -> xr.DataArray:
    """Return the true window of a result, ``(time, lev, y, x)``."""
    return cast(xr.DataArray, tree["truth/pv"])


def calibration(tree: xr.DataTree) -> dict[str, Calibration]:
    """Compute ranks, coverage and spread/skill of every method, by label.

    Ranks of a cycled run are those counted at all cycles after its burn-in, if there are any; its
    spread/skill ratio is that of the last states.
    """
    truth = truth_of(tree)
    return {
        label: _calibration(*xr.align(found, truth), counted=_counted_ranks(tree, label))
        for label, found in ensembles(tree).items()
    }


def _counted_ranks(tree: xr.DataTree, label: str) -> xr.DataArray | None:
    """Return the shares of the ranks that a cycled run has counted, if it has."""
    path = f"ranks/{label}/count"
    counts = cast(xr.DataArray, tree[path]) if "ranks" in tree.children else None
    return counts / counts.sum() if counts is not None and int(counts.sum()) else None


def _calibration(
    ensemble: xr.DataArray, truth: xr.DataArray, counted: xr.DataArray | None = None
) -> Calibration:
    K = ensemble.sizes["member"]
    if K < 2 or not truth.sizes["time"]:
        return Calibration(*(np.empty(0) for _ in range(4)))
    ranks = rank_histogram(ensemble, truth) if counted is None else counted
    covered = coverage(ranks)
    error = ((ensemble.astype("float64").mean("member") - truth) ** 2).mean(truth.dims[1:]) ** 0.5
    ratio = np.sqrt((K + 1) / K) * spread_steps(ensemble) / error
    return Calibration(
        ranks.values * (K + 1), covered["expected"].values, covered.values, ratio.values
    )


def spectra(tree: xr.DataTree, layer: int) -> tuple[np.ndarray, dict[str, Spectra]]:
    """Compute the spectrum of the truth in a layer, and those of every method, by label."""
    truth = truth_of(tree)[:, layer]
    found = {}
    for label, ensemble in ensembles(tree).items():
        if not ensemble["time"].isin(truth["time"]).all():
            continue  # a cycled run that was stopped: the truth of these times is not kept
        mean = ensemble[:, :, layer].mean("member")
        found[label] = Spectra(*(
            spectrum(field).values for field in (ensemble[:, :, layer], mean, mean - truth)
        ))
    return spectrum(truth).values, found


def physics(tree: xr.DataTree) -> tuple[Physics, dict[str, Physics]]:
    """Compute residual and energies of the truth, and of every method, by label."""
    system, cycled = system_of(tree), "ranks" in tree.children
    methods = {
        label: _physics(
            torch.from_numpy(np.ascontiguousarray(ensemble[:FEW].values)), system, cycled
        )
        for label, ensemble in ensembles(tree).items()
    }
    return _physics(torch.from_numpy(truth_of(tree).values)[None], system, cycled), methods


def _physics(states: Tensor, system: System, cycled: bool) -> Physics:
    """Compute residual and energies of states ``(member, time, *system.shape)``."""
    residual = np.empty(0) if cycled else residual_steps(states, system).numpy()
    small_scales = enstrophy(states, system)
    return Physics(
        residual, energy(states, system).mean(0).numpy(),
        None if small_scales is None else small_scales.mean(0).numpy(),
    )
