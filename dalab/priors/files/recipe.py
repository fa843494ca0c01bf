"""Recipe of a training: one flat record that fits in a YAML file and in a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import param

from ...errors import InputError
from ...foreign import read_plain
from ...values import number
from .recipe_fields import COUNT, SIZES, TRAINING, RecipeFields, real, whole

_PLAIN: dict[str, param.Parameter] = {
    **TRAINING, "start": param.String("", doc="a trained prior, or empty"),
    "window": whole(1, 1000), "fit_windows": whole(1, 10**6), "background_steps": whole(0, COUNT),
    "log_sigma_mean": real(-5.0, 5.0), "log_sigma_std": real(0.01, 5.0),
    **{name: param.Boolean(False) for name in (
        "smoother", "finer", "coupling", "autocast", "frozen_flow"
    )},
}
"""Fields of one value, with their types and bounds."""

MOST = 1e6
"""A noise level beyond all that networks are trained on."""

SEE = "See recipes/qg64.yaml for one that works."


@dataclass(frozen=True, kw_only=True)
class Recipe(RecipeFields):
    """Network, data and duration of a training.

    Args:
        name: of the prior; its file is ``NAME.safetensors``.
        system: the system whose windows it is about.
        data: archive that ``dalab data`` made; for a system that draws its own climate, a number
            of trajectories and days in the same words, ``"climate:64x800"``.
        window: states per window; 1 for a prior of single states.
        operators: registry texts of the operators whose noise-free output is appended to the
            state; none for a prior of the state alone.
        widths: channels of the network at every level.
        depths: blocks of the network at every level.
        patch: cells along a side of the patches the network works on.
        smoother: whether to start from the two-filter smoother, if the system has a propagator and
            windows more than one state.
        finer: whether smoother and background propagate states on a finer grid: for two-layer flow
            that is averaged over 2 x 2 cells.
        coupling: whether neighbouring frames are coupled after the network, if there is a
            smoother.
        fit_windows: windows for the gains of smoother and coupling.
        start: trained prior, bundled or a file, whose network is trained further; none for a new
            one.
        steps: optimisation steps.
        background_steps: optimisation steps of the part for backgrounds, which starts from the
            finished denoiser; 0 for no such part, and there is none without a smoother.
        batch: windows per step, over all processes.
        rate: peak learning rate.
        warmup: steps to reach it.
        hold: share of the steps after which it falls linearly to zero.
        average: decay per step of the running average of the weights, the result.
        log_sigma_mean: of the noise levels trained on.
        log_sigma_std: of the noise levels trained on.
        autocast: whether the network may compute in bfloat16 on hardware made for it.
        flow_levels: noise levels between which methods may take its Jacobian for the covariance of
            single windows; after a short training on a fine grid low ones only, or none (null).
        frozen_flow: whether that Jacobian treats the propagating flow as constant: for two-layer
            flow, where the training was too short for more.
        compile: whether to compile the network with ``torch.compile``.
        checkpoint_every: steps between checkpoints.
        held_out: windows for validation and calibration.
        seed: of every random choice.
    """

    name: str
    system: str
    data: str
    window: int = 9
    operators: tuple[str, ...] = ()
    widths: tuple[int, ...] = (32, 64, 96)
    depths: tuple[int, ...] = (1, 1, 2)
    patch: int = 1
    smoother: bool = True
    finer: bool = False
    coupling: bool = True
    fit_windows: int = 64
    start: str = ""
    steps: int = 2800
    background_steps: int = 0
    batch: int = 16
    rate: float = 2e-3
    warmup: int = 50
    hold: float = 0.4
    average: float = 0.998
    log_sigma_mean: float = -1.0
    log_sigma_std: float = 1.4
    autocast: bool = True
    flow_levels: tuple[float, float] | None = (0.2, 5.0)
    frozen_flow: bool = False
    compile: bool = False
    checkpoint_every: int = 200
    held_out: int = 64
    seed: int = 0

    plain = _PLAIN
    each = {**SIZES, "operators": param.String("", doc="see: dalab list operators")}
    example = SEE

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_flow_levels()
        self.check_sizes(self.widths, self.depths)

    def _check_flow_levels(self) -> None:
        if self.flow_levels is None:
            return
        given = self.flow_levels if isinstance(self.flow_levels, list | tuple) else ()
        levels = tuple(float(number(one) or 0) for one in given)
        if len(levels) != 2 or not 0 < levels[0] < levels[1] < MOST:
            raise InputError(
                "flow_levels", self.flow_levels, "must be two noise levels, the lower one first",
                "Use [0.2, 5.0], or null for none.",
            )
        object.__setattr__(self, "flow_levels", levels)


def load_recipe(path: Path) -> Recipe:
    """Read a recipe from a YAML or JSON file.

    Raises:
        InputError: if the file cannot be read, or holds no recipe.
    """
    return Recipe.from_dict(read_fields(path))


def read_fields(path: Path) -> Mapping[str, Any]:
    """Read the fields of a recipe from a YAML or JSON file; they are not checked.

    Raises:
        InputError: if the file cannot be read, or holds no fields.
    """
    values = read_plain(path, what="recipe file", must="cannot be read", remedy=SEE)
    if not isinstance(values, Mapping):
        raise InputError("recipe file", str(path), "must hold 'field: value' lines", SEE)
    return values
