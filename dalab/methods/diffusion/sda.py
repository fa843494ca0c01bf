r"""SDA: score-based data assimilation.

The likelihood of a noisy window is approximated by a Gaussian about the denoised one,

.. math::
    \log p(y \mid x_s) \approx -\tfrac12 (y - H(D))^T (R + \gamma s^2)^{-1} (y - H(D)),
    \qquad D = D(x_s, s),

and its gradient is taken through the whole denoiser. Langevin corrections, each with a fresh score,
repair much of the bias.

Target: the climatological prior of windows times the Gaussian likelihood of all observations of the
window, and of the background, which is one more observation.

References:
    | Rozet and Louppe, Score-based data assimilation (arXiv 2306.10574, 2310.01853)
    | Zheng et al., SOAD (arXiv 2407.21314) and its code: the comparison labelled "SDA"

The defaults of ``sda`` are those of its authors for two-dimensional turbulence, the nearest of
their published experiments: 256 steps of the cosine schedule with 1 correction, tau 0.5 and gamma
0.01. The comparison in the SOAD paper has 5 corrections, tau 0.25 and gamma 0.1, as has
``sda-released``. Difference: no corrections are made at the last two levels, where they only add
noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import param
from torch import Tensor

from ...random import MemberStreams
from ..base import Problem, Step
from .guidance import Jacobian, guidance
from .guided import Guided
from .stacked_observations import StackedObservations


class SDA(Guided):
    """SDA: likelihood gradient through the denoiser, with corrector."""

    steps = param.Integer(256, bounds=(2, 1000), doc="noise levels from first to last")
    schedule = param.Selector(
        default="cosine", objects=["power", "cosine"],
        doc="noise levels: power, from sigma_max to sigma_min; cosine, published, 1000 to 0.001",
    )
    gamma = param.Number(
        0.01, bounds=(0.0, 10.0), doc="denoiser error variance as a share of the noise variance"
    )
    tau = param.Number(0.5, bounds=(0.0, 1.0), doc="size of a Langevin correction")
    corrections = param.Integer(1, bounds=(0, 16), doc="Langevin corrections per level")
    eta = param.Number(0.0, bounds=(0.0, 1.0), doc="noise renewed per step; 0 is deterministic")
    cap_guidance = param.Boolean(
        False, doc="bound the guidance at every entry: for operators whose gain exceeds gamma"
    )
    detached = param.Boolean(
        False, doc="take the denoiser's Jacobian for the identity: no backpropagation"
    )

    @property
    def jacobian(self) -> Jacobian:
        """Stand-in for the Jacobian of the denoiser."""
        return "identity" if self.detached else "denoiser"

    def posterior_mean(self, observations: StackedObservations, x: Tensor, s: float) -> Tensor:
        """Move the denoised window by s^2 times the likelihood score."""
        variance = observations.variance + self.gamma * s**2
        clean, push = guidance(observations, x, s, lambda d, _: d / variance, self.jacobian)
        return self.move(clean, push, s)


class SDAReleased(SDA):
    """SDA as released with SOAD, for comparison only: the sign of its guidance is wrong.

    The denoised window is made from a copy of the noisy one that carries no gradient, so that only
    the network is differentiated: the identity is missing from the Jacobian of the denoiser, which
    for a Gaussian prior turns the guidance away from the data. Besides, no background is seen, the
    guidance is capped, and one score serves all corrections of a level and the step after them.
    With 256 steps this is the column "SDA" of the SOAD paper.
    """

    reuse_score: ClassVar[bool] = True
    final_levels_without_correction: ClassVar[int] = 0

    gamma = param.Number(
        0.1, bounds=(0.0, 10.0), doc="denoiser error variance as a share of the noise variance"
    )
    tau = param.Number(0.25, bounds=(0.0, 1.0), doc="size of a Langevin correction")
    corrections = param.Integer(5, bounds=(0, 16), doc="Langevin corrections per level")
    cap_guidance = param.Boolean(True, doc="bound the guidance at every entry")
    detached = param.Boolean(False, precedence=-1)

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        return super().iterate(replace(problem, background=None), streams)

    @property
    def jacobian(self) -> Jacobian:
        """Jacobian of the denoiser without the identity."""
        return "network"
