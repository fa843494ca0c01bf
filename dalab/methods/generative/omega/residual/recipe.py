"""Recipe of a residual score: system, observations, baseline filter, sizes and duration."""

from __future__ import annotations

from dataclasses import dataclass

import param

from .....priors.files.recipe_fields import OBSERVED, SCHEDULE, RecipeFields, real, whole


@dataclass(frozen=True, kw_only=True)
class ResidualRecipe(RecipeFields):
    """Twin trajectories, network and duration of the training of a residual score.

    Args:
        name: of the network; its file is ``NAME.safetensors``.
        method: ``omega``.
        system: the conditional Gaussian system.
        operators: registry texts of the operators, which see its resolved fields.
        masks: registry texts of the masks, one, or one for each operator.
        noise: standard deviation of the observations, in climatological ones.
        baseline: ``mixture`` or ``gaussian``.
        members: of the baseline filter.
        trajectories: twin trajectories, a tenth of which is held out.
        cycles: analyses of each.
        width: of the hidden layers.
        depth: hidden layers.
        steps: optimisation steps.
        batch: examples per step.
        rate: peak learning rate.
        warmup: steps to reach it.
        hold: share of the steps after which it falls linearly to zero.
        average: decay per step of the running average of the weights, the result.
        compile: whether to compile the network with ``torch.compile``.
        checkpoint_every: steps between checkpoints.
        seed: of every random choice, and of random masks, as that of an experiment.
    """

    name: str
    method: str
    system: str
    operators: tuple[str, ...] = ("resolved",)
    masks: tuple[str, ...] = ("full",)
    noise: float = 0.1
    baseline: str = "mixture"
    members: int = 100
    trajectories: int = 200
    cycles: int = 120
    width: int = 64
    depth: int = 3
    steps: int = 6000
    batch: int = 512
    rate: float = 1e-3
    warmup: int = 100
    hold: float = 0.3
    average: float = 0.998
    compile: bool = False
    checkpoint_every: int = 1000
    seed: int = 0

    plain = {
        **SCHEDULE,
        "method": param.Selector(objects=["omega"], default="omega"),
        "baseline": param.Selector(objects=["mixture", "gaussian"], default="mixture"),
        "noise": real(1e-6, 1e3), "members": whole(2, 100_000), "trajectories": whole(20, 10**5),
        "cycles": whole(21, 10**6), "width": whole(1, 4096), "depth": whole(1, 64),
    }
    each = OBSERVED
    example = "See recipes/omega-dyad.yaml for one that works."
