"""Training of the networks of a prior: plain torch, resumable, on one process or many.

Under ``torchrun`` every process takes its share of each batch and the gradients are averaged. Every
sample has its own random stream, so that neither a restart nor the number of processes changes what
a step sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ...errors import InputError
from ..denoisers.unet import UNet
from . import checkpoints as progress

Loss = Callable[[Callable[..., Tensor], int, range], Tensor]
"""The mean loss of a network, possibly compiled, over some samples of the batch of a step."""

CLIP = 1.0
"""Largest norm of a gradient."""


class Schedule(Protocol):
    """Duration and rates of a training, see :class:`dalab.priors.files.recipe.Recipe`."""

    @property
    def steps(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def rate(self) -> float: ...
    @property
    def warmup(self) -> int: ...
    @property
    def hold(self) -> float: ...
    @property
    def average(self) -> float: ...
    @property
    def compile(self) -> bool: ...
    @property
    def checkpoint_every(self) -> int: ...


@dataclass(frozen=True)
class TrainingStep:
    """Progress of a training.

    Args:
        step: steps done.
        steps: steps in all.
        loss: of this step, over the whole batch.
        remaining: estimated time left [s]; ``None`` before the first estimate.
    """

    step: int
    steps: int
    loss: float
    remaining: float | None


class Trainer:
    """Trainer of a network, in place.

    Args:
        network: the network, on the device to train on.
        loss: function of the network, the step, and the wanted samples.
        recipe: settings of the training.
        folder: folder of checkpoints; training resumes from the last one there.

    Raises:
        InputError: if the batch cannot be shared equally by the processes.
    """

    def __init__(self, network: nn.Module, loss: Loss, recipe: Schedule, folder: Path) -> None:
        self.rank, self.processes = _rank_and_size()
        if recipe.batch % self.processes:
            raise InputError(
                "batch", recipe.batch, f"must be a multiple of the {self.processes} processes",
                "Choose another batch.",
            )
        self.network, self.loss, self.recipe, self.folder = network, loss, recipe, folder
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimisers = optimisers(self.network, recipe.rate)
        self.step, self.history = progress.restore(
            folder, self.network, self.average, self.optimisers
        )
        self.forward = torch.compile(self.network) if recipe.compile else self.network

    def run(self) -> Iterator[TrainingStep]:
        """Train to the end and yield every step. Closing the generator writes a checkpoint."""
        start, first, before = time.perf_counter(), self.step, self.history["seconds"]
        saved = self.step
        self.network.train()
        try:
            while self.step < self.recipe.steps:
                loss = self._advance()
                spent = time.perf_counter() - start
                self._remember(loss, before + spent)
                if self.step % self.recipe.checkpoint_every == 0:
                    self._save()
                    saved = self.step
                left = spent / (self.step - first) * (self.recipe.steps - self.step)
                yield TrainingStep(self.step, self.recipe.steps, loss, left)
        finally:
            if saved != self.step:
                self._save()
        self.network.load_state_dict(self.average)

    def _advance(self) -> float:
        """Make one optimisation step; return the loss over the whole batch."""
        for optimiser in self.optimisers:
            optimiser.zero_grad()
            for group in optimiser.param_groups:
                group["lr"] = self.recipe.rate * rate(self.step, self.recipe)
        share = range(self.rank, self.recipe.batch, self.processes)
        loss = self.loss(self.forward, self.step, share)
        loss.backward()
        total = self._average_over_processes(loss.detach())
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        for optimiser in self.optimisers:
            optimiser.step()
        self.step += 1
        self._update_average()
        if not torch.isfinite(total):
            raise FloatingPointError(f"the loss is {float(total)} at step {self.step}")
        return float(total)

    def _average_over_processes(self, loss: Tensor) -> Tensor:
        """Average gradients and loss over the processes."""
        if self.processes == 1:
            return loss
        for tensor in [loss, *(p.grad for p in self.network.parameters() if p.grad is not None)]:
            dist.all_reduce(tensor)
            tensor /= self.processes
        return loss

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.recipe.average, self.step / (self.step + 10))
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value, 1 - decay)

    def _remember(self, loss: float, seconds: float) -> None:
        """Keep the time spent and a few hundred points of the curve."""
        self.history["seconds"] = round(seconds, 1)
        if self.step % max(1, self.recipe.steps // 200) == 0:
            self.history["loss"].append([self.step, round(loss, 5)])

    def _save(self) -> None:
        if self.rank == 0:
            progress.save(
                self.folder, self.step, self.network, self.average, self.optimisers, self.history
            )


def rate(step: int, recipe: Schedule) -> float:
    """Learning rate relative to its peak: a ramp, a plateau, a straight line to zero."""
    done = step / recipe.steps
    fall = 1.0 if done < recipe.hold else (1 - done) / (1 - recipe.hold)
    return fall * min(1.0, (step + 1) / max(1, recipe.warmup))


def optimisers(network: nn.Module, peak: float) -> list[torch.optim.Optimizer]:
    """Muon for the kernels of the blocks of U-Nets, AdamW for everything else."""
    nets = (part for part in network.modules() if isinstance(part, UNet))
    kernels = [kernel for net in nets for kernel in net.kernels()]
    chosen = {id(p) for p in kernels}
    others = [p for p in network.parameters() if id(p) not in chosen]
    plain = torch.optim.AdamW(others, peak, weight_decay=0.0)
    if not kernels:
        return [plain]
    return [
        torch.optim.Muon(kernels, peak, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"), plain,
    ]


def _rank_and_size() -> tuple[int, int]:
    """Rank of this process and number of processes."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
