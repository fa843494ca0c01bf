"""Trained priors on disk: one safetensors file with everything that the denoiser needs.

The tensors of a file are checked against the network that its header describes before any of them
is read. The network is stored in half precision, the tables in single precision.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from ...errors import InputError
from ...observations import OPERATORS
from ...systems import QGSystem
from ...systems.base import Propagator, System
from ..base import Prior
from ..denoisers.augmented import AugmentedPrior, Channels, gaussian_augmented
from ..denoisers.background import N_FEATURES, BackgroundConditional
from ..denoisers.calibration import ErrorTable
from ..denoisers.coupling import FrameCoupling
from ..denoisers.forecast import Forecast, Trajectory
from ..denoisers.residual import ResidualPrior
from ..denoisers.smoother import TwoFilterSmoother
from ..denoisers.unet import UNet
from ..gaussian import GaussianPrior
from .bundled import SUFFIX, WEIGHTS
from .gaussian_file import load_gaussian, pack, unpack
from .header import Header, current_name, stored_name, unfit_file
from .integrity import ERROR, check_denoising, denoising_error
from .recipe import Recipe
from .tensors import StoredTensors, is_bundled, open_prior, read_prior, save_prior

LARGE = 500_000
"""Numbers in a window beyond which the Gaussian and the gains are stored in half precision too."""


def make_network(
    recipe: Recipe, window: Sequence[int], features: int, levels: int = 1
) -> UNet:
    """Make the network of a recipe, with weights drawn from its seed.

    Args:
        recipe: its widths, depths, patch and seed.
        window: (time, lev, y, x).
        features: how many per field.
        levels: number of noise levels it is conditioned on.
    """
    fields = window[0] * window[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return UNet(
            features * fields, fields, widths=recipe.widths, depths=recipe.depths,
            patch=recipe.patch, levels=levels, kernel=kernel_size(window),
        )


def kernel_size(window: Sequence[int]) -> int:
    """Cells along a side of the network's kernels, for windows ``(time, lev, y, x)``.

    A single state of one cell has no neighbours. Longer windows of such systems keep kernels of 3,
    those of their files.
    """
    time, _, ny, nx = window
    return 1 if time * ny * nx == 1 else 3


def feature_count(smoothed: bool) -> int:
    """Features per field of the denoiser, see :meth:`ResidualPrior.features`."""
    return 5 if smoothed else 2


def assemble(
    recipe: Recipe, system: System, state: GaussianPrior, levels: Sequence[float], smoothed: bool
) -> ResidualPrior:
    """Assemble the untrained denoiser of a recipe.

    Args:
        recipe: parts and sizes of the denoiser.
        system: the system whose windows it is about.
        state: Gaussian prior of windows of the state.
        levels: noise levels of the tables.
        smoothed: whether to start from the two-filter smoother.
    """
    gaussian = state
    if recipe.operators:
        operators = [OPERATORS.make(text, system) for text in recipe.operators]
        core = gaussian_augmented(copy.deepcopy(state).double(), operators).core
        gaussian = cast(GaussianPrior, core).float()
    window = gaussian.window
    smoother = coupling = forecast = conditional = None
    if smoothed:
        propagate, trajectory = make_propagators(recipe, system)
        smoother = TwoFilterSmoother(window, propagate, levels)
        coupling = FrameCoupling(window, propagate, levels) if recipe.coupling else None
        forecast = Forecast(window, trajectory, levels)
        if recipe.background_steps:
            second = make_network(recipe, window, N_FEATURES, 2)
            conditional = BackgroundConditional(window, second, levels)
    network = make_network(recipe, window, feature_count(smoothed))
    errors = ErrorTable(window, levels)
    return ResidualPrior(
        recipe.name, gaussian, network, smoother, coupling, errors, forecast, recipe.autocast,
        recipe.flow_levels, conditional,
    )


def make_propagators(recipe: Recipe, system: System) -> tuple[Propagator, Trajectory]:
    """Propagator over one interval in both directions, and trajectory through a window.

    Raises:
        InputError: if a finer grid or a frozen flow is wanted and the system has none.
    """
    if isinstance(system, QGSystem):
        trajectory: Trajectory = system.finer_trajectory if recipe.finer else system.trajectory
        return system.propagator(recipe.finer, recipe.frozen_flow), trajectory
    for name in ("finer", "frozen_flow"):
        if getattr(recipe, name):
            raise InputError(name, True, f"must be false for {system.name}", "Only QG has one.")
    propagator = system.propagator()
    if propagator is None:
        raise InputError(
            "smoother", recipe.smoother, f"must be false: {system.name} has no propagator",
            "Leave it out, or give the system a method propagator.",
        )
    return propagator, system.trajectory


def last_directed_ring(window: Sequence[int]) -> int:
    """Last ring whose wavenumbers have a covariance each, for means of a finer flow.

    Such a flow has variance at all scales of the grid, of which most are small and isotropic.
    """
    return 3 * window[-1] // 8


def save_trained(path: Path, prior: ResidualPrior, state: GaussianPrior, header: Header) -> None:
    """Write a trained prior.

    Args:
        path: file to write.
        prior: the denoiser.
        state: Gaussian prior of windows of the state that it was assembled from.
        header: its description.
    """
    large = math.prod(state.window) > LARGE
    beyond = last_directed_ring(state.window) if Recipe.from_dict(header.recipe).finer else None
    gaussian = pack(state.matrices(), torch.float16 if large else torch.float32, beyond)
    tensors = {f"gaussian.{k}": v for k, v in gaussian.items()}
    tensors |= {k: v.half() for k, v in _named("network", prior.network).items()}
    tensors |= _named("errors", prior.errors)
    if prior.background_conditional is not None:
        for name, value in _named("background_conditional", prior.background_conditional).items():
            exact = value.ndim < 2 or ".start." in name  # matrices to be inverted must be exact
            tensors[name] = value if exact else value.half()
    for name in ("smoother", "coupling", "forecast"):
        if getattr(prior, name) is not None:
            maps = _named(name, getattr(prior, name))
            tensors |= {k: v.half() if large and v.ndim > 1 else v for k, v in maps.items()}
    kept = {stored_name(k): v.detach().cpu().contiguous() for k, v in tensors.items()}
    save_prior(path, kept, {**header.to_dict(), ERROR: denoising_error(prior)[0]})


def load_trained(path: Path, system: System) -> Prior:
    """Read a trained prior, of states or of augmented windows.

    Args:
        path: the file.
        system: the system whose windows it is about.

    Raises:
        InputError: if the file is missing, truncated, foreign, or about another system.
    """
    core, _, header = load_core(path, system)
    operators = header.recipe["operators"]
    return AugmentedPrior(core, Channels.of(system, operators)) if operators else core


def has_gaussian(system: System) -> bool:
    """True if the Gaussian prior of a system is bundled."""
    return any((WEIGHTS / f"{system.name}{end}{SUFFIX}").is_file() for end in ("-gaussian", ""))


def bundled_gaussian(system: System) -> GaussianPrior | None:
    """Load the bundled Gaussian prior of a system: from its own file, or from a trained prior's."""
    own, beside = (WEIGHTS / f"{system.name}{end}{SUFFIX}" for end in ("-gaussian", ""))
    if own.is_file():
        return load_gaussian(own, "gaussian")
    if beside.is_file():
        _, state, _ = load_core(beside, system)
        state.name = "gaussian"
        return state
    return None


def load_core(path: Path, system: System) -> tuple[ResidualPrior, GaussianPrior, Header]:
    """Read the denoiser of a file, the Gaussian prior of states it started from, and the header.

    Raises:
        InputError: as :func:`load_trained`.
    """
    with open_prior(path) as file:
        return _core(path, file, system)


def _core(
    path: Path, file: StoredTensors, system: System
) -> tuple[ResidualPrior, GaussianPrior, Header]:
    header = Header.of(path, file.header)
    header.check(path, system)
    recipe = Recipe.from_dict(header.recipe)
    _check_tensors(path, file, recipe, header)
    read = read_prior(path, file).items()
    tensors = {current_name(name): tensor.float() for name, tensor in read}
    window = tuple(header.window)
    state = GaussianPrior(unpack(_under(tensors, "gaussian"), window), window)
    prior = assemble(recipe, system, state.float(), header.levels, header.smoothed)
    prior.name = header.name
    try:
        for name, part in prior.named_children():
            values = _under(tensors, name)
            if name != "gaussian" and (values or name != "forecast"):
                part.load_state_dict(values)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        why = f"must fit the denoiser that its header describes ({reason})"
        raise unfit_file(path, why) from None
    if not is_bundled(path):
        check_denoising(path, prior, file.header)
    return prior, state.float(), header


def _check_tensors(path: Path, file: StoredTensors, recipe: Recipe, header: Header) -> None:
    """Compare names and shapes with those of the network, without reading or allocating it."""
    held = set(file.keys())
    for name in ("network.direct.weight", "gaussian.real", "gaussian.imag", "errors.ratios.values"):
        if name not in held:
            raise unfit_file(path, f"must hold the tensor {name}")
    channels = file.shape("network.direct.weight")[0] // header.window[0]
    with torch.device("meta"):
        window = (header.window[0], channels, *header.window[2:])
        expected = _named("network", make_network(recipe, window, feature_count(header.smoothed)))
        if header.smoothed and recipe.background_steps:
            second = make_network(recipe, window, N_FEATURES, 2)
            expected |= _named("background_conditional.network", second)
    for name, value in expected.items():
        name = stored_name(name)
        if name not in held:
            raise unfit_file(path, f"must hold the tensor {name}")
        found = file.shape(name)
        if found != tuple(value.shape):
            raise unfit_file(path, f"must hold {name} of shape {tuple(value.shape)}, not {found}")


def _named(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value for name, value in module.state_dict().items()}


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
