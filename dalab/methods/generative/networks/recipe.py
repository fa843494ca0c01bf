"""Recipe of the network of a score filter: its method, what is observed, sizes and duration."""

from __future__ import annotations

from dataclasses import dataclass

import param

from ....priors.files.recipe_fields import OBSERVED, SIZES, TRAINING, RecipeFields, real
from .score_network import Architecture

METHODS = ["masf", "masf-nonlinear", "sf"]
"""Methods whose networks are trained: on the bridge, on the projected bridge, on noise alone."""


@dataclass(frozen=True, kw_only=True)
class NetworkRecipe(RecipeFields):
    """Network, data and duration of the training of a score filter's network.

    Args:
        name: of the network; its file is ``NAME.safetensors``.
        method: ``masf``, ``masf-nonlinear`` for its operators that are not linear, or ``sf``.
        system: the system whose states it is about.
        data: archive that ``dalab data`` made, or a number of trajectories and steps to draw,
            ``"climate:64x40"``.
        operators: registry texts of the operators; of no account to ``sf``.
        masks: registry texts of the masks, one, or one for each operator.
        noise: standard deviation of the observations, in climatological ones.
        widths: channels of the network at every level.
        depths: blocks of the network at every level.
        patch: cells along a side of the patches the network works on.
        steps: optimisation steps.
        batch: states per step, over all processes.
        rate: peak learning rate.
        warmup: steps to reach it.
        hold: share of the steps after which it falls linearly to zero.
        average: decay per step of the running average of the weights, the result.
        compile: whether to compile the network with ``torch.compile``.
        checkpoint_every: steps between checkpoints.
        held_out: states for validation.
        seed: of every random choice, and of random masks, as that of an experiment.
    """

    name: str
    method: str
    system: str
    data: str
    operators: tuple[str, ...] = ("identity",)
    masks: tuple[str, ...] = ("full",)
    noise: float = 0.1
    widths: tuple[int, ...] = (32, 64, 96)
    depths: tuple[int, ...] = (1, 1, 2)
    patch: int = 1
    steps: int = 4000
    batch: int = 16
    rate: float = 2e-3
    warmup: int = 50
    hold: float = 0.4
    average: float = 0.998
    compile: bool = False
    checkpoint_every: int = 200
    held_out: int = 64
    seed: int = 0

    plain = {
        **TRAINING, "method": param.Selector(objects=METHODS, default=METHODS[0]),
        "noise": real(1e-6, 1e3),
    }
    each = {**SIZES, **OBSERVED}
    example = "See recipes/masf-qg64.yaml for one that works."

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_sizes(self.widths, self.depths)

    def architecture(self, heads: int) -> Architecture:
        """Sizes of the network."""
        return Architecture(self.widths, self.depths, self.patch, heads)
