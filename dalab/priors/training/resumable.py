"""Base class of the trainings of a single network in a folder of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Generic, TypeVar

from torch import Tensor, nn

from ...files import locked
from .distributed import is_first
from .training import Schedule, Trainer, TrainingStep

R = TypeVar("R", bound=Schedule)
N = TypeVar("N", bound=nn.Module)


class ResumableTraining(ABC, Generic[R, N]):
    """One training of one network, which goes on from its last checkpoint.

    A subclass sets the attributes and writes :meth:`loss`.

    Attributes:
        recipe: settings of the training.
        folder: for checkpoints and the finished network.
        network: the network, on the device to train on.
        history: losses of the steps, once it runs.
    """

    recipe: R
    folder: Path
    network: N
    history: dict[str, object]

    @property
    def steps(self) -> int:
        """Optimisation steps in all."""
        return self.recipe.steps

    def run(self) -> Iterator[TrainingStep]:
        """Train and yield every step; resumes from the last checkpoint.

        Raises:
            InputError: if another training is at work in the folder.
        """
        with locked(self.folder, "training folder") if is_first() else nullcontext():
            trainer = Trainer(self.network, self.loss, self.recipe, self.folder / "checkpoints")
            self.history = trainer.history
            yield from trainer.run()

    @abstractmethod
    def loss(self, network: Callable[..., Tensor], step: int, share: range) -> Tensor:
        """Loss over some samples of a step."""
