"""From a recipe to the file of a trained prior: data, gains, training, calibration, validation."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import platform
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...files import locked
from ...observations import OPERATORS
from ...random import stream
from ...systems import SYSTEMS
from ...systems.archive import Archive
from ...systems.base import System
from ..covariance import estimate
from ..denoisers.augmented import Channels
from ..denoisers.background import (
    STDS,
    BackgroundConditional,
    background_conditional_loss,
    widen_network,
)
from ..denoisers.calibration import LEVELS
from ..denoisers.coupling import FrameCoupling
from ..denoisers.forecast import Forecast
from ..denoisers.residual import ResidualPrior, correction_loss
from ..denoisers.smoother import TwoFilterSmoother
from ..denoisers.unet import UNet
from ..files.bundled import trained_path
from ..files.gaussian_file import make_isotropic
from ..files.header import Header, scales
from ..files.recipe import Recipe
from ..files.trained import (
    assemble,
    bundled_gaussian,
    last_directed_ring,
    load_core,
    save_trained,
)
from ..gaussian import GaussianPrior
from .distributed import is_first
from .training import Trainer, TrainingStep
from .validation import validation_table
from .windows import Windows

Denoise = Callable[[Tensor, float], Tensor]
CLIMATE = re.compile(r"climate:(\d+)x(\d+)")


@dataclass(frozen=True)
class Data:
    """Trajectories to train on and trajectories to test on.

    Args:
        training: ``(trajectory, day, lev, y, x)``.
        held_out: the same of other trajectories.
        facts: their origin.
    """

    training: Tensor
    held_out: Tensor
    facts: dict[str, Any]


class Training:
    """One training, from its recipe to its file.

    Args:
        recipe: settings of the training.
        folder: for checkpoints and the finished prior.
        device: to train on.

    Raises:
        InputError: if the data, the system or the prior to start from do not fit the recipe.
    """

    def __init__(self, recipe: Recipe, folder: Path, device: torch.device) -> None:
        self.recipe, self.folder, self.device = recipe, folder, device
        self.system: System = SYSTEMS.make(recipe.system)
        self.data = load_data(recipe.data, recipe.seed, self.system)
        self.windows = training_windows(recipe, self.system, self.data, device)
        self.test = held_out_windows(recipe, self.system, self.data).to(device)
        self.state = state_gaussian(recipe, self.system, self.data.training)
        wanted = recipe.smoother and recipe.window > 1 and not recipe.operators
        smoothed = wanted and self.system.propagator() is not None
        self.prior = assemble(recipe, self.system, self.state, LEVELS, smoothed).to(device)
        if recipe.start:
            load_initial_weights(self.prior.network, recipe.start, self.system)

    def run(self) -> Iterator[TrainingStep]:
        """Fit the gains, train, and yield every step; resumes from the last checkpoint.

        Raises:
            InputError: if another training is at work in the folder.
        """
        with locked(self.folder, "training folder") if is_first() else nullcontext():
            yield from self._run()

    def _run(self) -> Iterator[TrainingStep]:
        smoother, coupling = self.prior.smoother, self.prior.coupling
        if smoother is not None:
            self.fit(smoother, lambda noisy, sigma: self.prior.gaussian.denoise(noisy, sigma))
        trainer = Trainer(self.prior.network, self.loss, self.recipe, self.folder / "checkpoints")
        self.history = trainer.history
        yield from trainer.run()
        if coupling is not None:
            self.fit(coupling, self.prior.denoise)
        if self.prior.forecast is not None:
            fit_forecast(self.prior.forecast, self.windows.choose("fit", self.recipe.fit_windows))
        if self.prior.background_conditional is not None:
            yield from self.train_conditional(self.prior.background_conditional)

    def train_conditional(self, part: BackgroundConditional) -> Iterator[TrainingStep]:
        """Train the part for backgrounds; its steps are counted on from the others."""
        self.fit(part, self.smooth)
        recipe = background_recipe(self.recipe)
        widen_network(part.network, self.prior.network, recipe.window)
        folder = self.folder / "background_conditional"
        trainer = Trainer(part.network, self.background_conditional_loss, recipe, folder)
        self.history["background_conditional"] = trainer.history
        for step in trainer.run():
            yield replace(step, step=self.recipe.steps + step.step, steps=self.steps)

    def smooth(self, noisy: Tensor, sigma: float) -> Tensor:
        """Smooth noisy windows of one noise level."""
        return self.prior.features(noisy, noisy.new_full((len(noisy),), sigma))[0]

    @property
    def steps(self) -> int:
        """Optimisation steps in all."""
        more = self.recipe.background_steps if self.prior.background_conditional else 0
        return self.recipe.steps + more

    def loss(self, network: Callable[..., Tensor], step: int, share: Sequence[int]) -> Tensor:
        """Loss of the denoiser over some samples of a step."""
        return correction_loss(self.prior, network, *self.batch(self.recipe, step, share))

    def background_conditional_loss(
        self, network: Callable[..., Tensor], step: int, share: Sequence[int]
    ) -> Tensor:
        """Loss of the part for backgrounds over some samples of a step."""
        clean, noise, sigma = self.batch(background_recipe(self.recipe), step, share)
        streams = [stream(self.recipe.seed, "background", step, index) for index in share]
        spread = torch.stack([torch.randn((), generator=g) for g in streams])
        std = (math.log(0.1) + 0.6 * spread).exp().clamp(STDS[0], STDS[-1]).to(sigma)
        normal = torch.stack([torch.randn(clean.shape[2:], generator=g) for g in streams])
        return background_conditional_loss(
            self.prior, network, clean, noise, sigma, normal.to(clean), std
        )

    def batch(
        self, recipe: Recipe, step: int, share: Sequence[int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Windows, noise and levels of some samples of a step."""
        return self.windows.batch(step, share, recipe.log_sigma_mean, recipe.log_sigma_std)

    @torch.no_grad()
    def fit(
        self, part: TwoFilterSmoother | FrameCoupling | BackgroundConditional, denoise: Denoise
    ) -> None:
        """Fit the maps of a part, or its errors, to training windows.

        Args:
            part: to be fitted, level by level.
            denoise: the estimate that it starts from.
        """
        clean = self.windows.choose("fit", self.recipe.fit_windows)
        for index, sigma in enumerate(LEVELS):
            generator = stream(self.recipe.seed, "fit", index)
            noisy = clean + sigma * torch.randn(clean.shape, generator=generator).to(clean)
            denoised = torch.cat([denoise(some, sigma) for some in noisy.split(8)])
            part.fit_level(index, noisy, clean, denoised)

    @torch.no_grad()
    def finish(self) -> tuple[Path, Header]:
        """Calibrate, validate, and write the prior; its path and header."""
        prior = self.prior.eval()
        measure_errors(prior, self.test, self.recipe.seed)
        header = Header(
            name=self.recipe.name, system=self.system.name, parameters=parameters(self.system),
            scale=scales(self.system), window=list(self.state.window),
            recipe=self.recipe.to_dict(), smoothed=prior.smoother is not None,
            levels=list(LEVELS), data=self.data.facts,
            training={**self.history, "hardware": hardware(self.device)},
            validation=validation_table(prior, self.test, self.recipe.seed),
        )
        path = self.folder / f"{self.recipe.name}.safetensors"
        save_trained(path, prior, self.state, header)
        return path, header


def load_initial_weights(network: UNet, start: str, system: System) -> None:
    """Load the weights of a trained prior's network into a network.

    Raises:
        InputError: if there is no such prior, or its network has another shape.
    """
    core, _, _ = load_core(trained_path(start), system)
    try:
        network.load_state_dict(core.network.state_dict())
    except RuntimeError:
        raise InputError(
            "start", start, "must have a network like that of the recipe",
            "Take its widths, depths, patch, smoother and operators.",
        ) from None


def background_recipe(recipe: Recipe) -> Recipe:
    """Recipe for training the part for backgrounds, which starts from the finished denoiser.

    Less has to change, and with a background high noise levels hardly differ.
    """
    return replace(
        recipe, steps=recipe.background_steps, rate=recipe.rate / 2, hold=0.75 * recipe.hold,
        log_sigma_mean=recipe.log_sigma_mean - 0.3,
    )


@torch.no_grad()
def fit_forecast(forecast: Forecast, clean: Tensor) -> None:
    """Fit the forecast to clean windows ``(count, time, lev, y, x)``."""
    for index in range(len(forecast.errors.levels)):
        generator = stream(0, "forecast", index)
        normal = torch.randn(clean[:, 0].shape, generator=generator).to(clean)
        forecast.fit_level(index, clean, normal)


def measure_errors(prior: ResidualPrior, windows: Tensor, seed: int) -> None:
    """Tabulate the errors of a prior, without and with a background, on held-out windows."""
    prior.errors.measure(prior.gaussian, prior.denoise, windows, stream(seed, "calibration"))
    if prior.background_conditional is not None:
        prior.background_conditional.measure(prior, windows, stream(seed, "informed"))


def training_windows(recipe: Recipe, system: System, data: Data, device: torch.device) -> Windows:
    """Windows that a recipe trains on, augmented by its operators."""
    return Windows(
        states=data.training.to(device), length=recipe.window, mirrored=is_mirrored(system),
        shifts=system.shifts, augment=augmentation(recipe, system), seed=recipe.seed,
    )


def held_out_windows(recipe: Recipe, system: System, data: Data) -> Tensor:
    """Windows that a recipe validates and calibrates on, augmented by its operators."""
    windows = Windows(
        states=data.held_out, length=recipe.window, augment=augmentation(recipe, system),
        seed=recipe.seed + 1,
    )
    return windows.choose("held out", recipe.held_out)


def augmentation(recipe: Recipe, system: System) -> Callable[[Tensor], Tensor]:
    """Function that appends the outputs of a recipe's operators to windows of the state."""
    operators = [OPERATORS.make(text, system) for text in recipe.operators]
    channels = Channels.of(system, recipe.operators)
    return lambda window: channels.augment(window, operators)


def load_data(data: str, seed: int, system: System) -> Data:
    """Load or draw the trajectories of a recipe.

    Args:
        data: archive, or the numbers of trajectories and days to draw, ``climate:64x800``.
        seed: of the draws.
        system: whose trajectories they are.

    Raises:
        InputError: if there are none, or they are about another system.
    """
    climate = CLIMATE.fullmatch(data)
    if climate:
        trajectories, days = map(int, climate.groups())
        return _draw_climate(system, trajectories, days, seed)
    archive = Archive(Path(data))
    if archive.plan.system != system.name:
        raise InputError(
            "data", data, f"must be about {system.name}, not {archive.plan.system}",
            f"Make it with: dalab data {system.name}",
        )
    training, held_out = (torch.from_numpy(a) for a in (archive.training(), archive.held_out()))
    facts = {**dataclasses.asdict(archive.plan), "sha256": archive.hash}
    return Data(training, held_out, facts)


def _draw_climate(system: System, trajectories: int, days: int, seed: int) -> Data:
    """Trajectories of a system that draws its own climate, an eighth of them held out."""
    if not system.independent_climate:
        raise InputError(
            "data", f"climate:{trajectories}x{days}", f"is not for {system.name}",
            f"Make an archive with: dalab data {system.name}",
        )
    generator = stream(seed, "training climate", system.name)
    x = system.sample_climate(trajectories, generator)
    states = system.trajectory(x, days, generator).float()
    kept = max(1, trajectories // 8)
    digest = hashlib.sha256(np.ascontiguousarray(states.numpy()).tobytes()).hexdigest()
    facts = {"trajectories": trajectories, "days": days, "seed": seed, "sha256": digest}
    return Data(states[:-kept], states[-kept:], facts)


def state_gaussian(recipe: Recipe, system: System, states: Tensor) -> GaussianPrior:
    """Gaussian prior of states: the bundled one of the system, else one of its trajectories.

    Args:
        recipe: says how long windows are, and whether they are means of a finer flow, which has
            another climate.
        system: whose windows.
        states: trajectories, ``(trajectory, day, lev, y, x)``; their windows that do not overlap
            are used.
    """
    shape = (recipe.window, *system.shape)
    prior = None if recipe.finer else bundled_gaussian(system)
    if prior is not None and prior.window == shape:
        return prior
    count = states.shape[1] // recipe.window
    windows = states[:, : count * recipe.window].unflatten(1, (count, recipe.window)).flatten(0, 1)
    matrices = estimate(windows, mirror=is_mirrored(system))
    if recipe.finer:
        matrices = make_isotropic(matrices, last_directed_ring(shape))
    return GaussianPrior(matrices, shape).float()


def is_mirrored(system: System) -> bool:
    """True if -q(x, -y) is a state of the system whenever q is."""
    return system.mirror_symmetric


def parameters(system: System) -> dict[str, Any]:
    """Parameters of a system as plain data."""
    return dataclasses.asdict(system) if dataclasses.is_dataclass(system) else {}


def hardware(device: torch.device) -> str:
    """Name of the hardware of a training."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} CPU threads ({platform.machine()})"
