r"""PiGDM: pseudo-inverse guided diffusion.

The window given its noisy version is taken for a Gaussian about the denoised one with the variance
that a field of independent unit normals would have,

.. math::
    V = \rho^2 I, \qquad \rho^2 = s^2 / (1 + s^2), \qquad
    S = R + \rho^2 H' H'^T ,

so that it is exact where the prior is N(0, I), whatever the linear operator. S is inverted by
conjugate gradients in observation space, without the network.

Target: the climatological prior of windows times the Gaussian likelihood of all observations of the
window, and of the background, which is one more observation.

References:
    | Song et al., Pseudoinverse-guided diffusion models for inverse problems (ICLR 2023)
    | Mardani et al. (arXiv 2305.04391): the code that fixes the published step

Differences: the noisy linear form, with H' the derivative at the denoised window where the operator
is not linear; the paper's form for operators that have a pseudo-inverse but no derivative, which
drops R, is not offered; the noise levels and their number are dalab's own. The deterministic step
is that of Mardani et al. Where the climatology is red the guidance of its large scales is far too
strong and few steps diverge; ``cap_guidance`` prevents that.
"""

from __future__ import annotations

import param
from torch import Tensor

from .guidance import guidance, isotropic_weights
from .guided import Guided
from .stacked_observations import StackedObservations


class PiGDM(Guided):
    """PiGDM: guidance that takes the error of the denoised window for white."""

    eta = param.Number(0.0, bounds=(0.0, 1.0), doc="noise renewed per step; 0 is deterministic")
    iterations = param.Integer(15, bounds=(1, 500), doc="conjugate-gradient iterations per step")
    cap_guidance = param.Boolean(
        False, doc="bound the guidance at every entry: where the prior is far from white"
    )

    def posterior_mean(self, observations: StackedObservations, x: Tensor, s: float) -> Tensor:
        """Move the denoised window by s^2 times the likelihood score."""
        variance = s**2 / (1 + s**2)

        def weigh(innovation: Tensor, clean: Tensor) -> Tensor:
            return isotropic_weights(observations, clean, innovation, variance, self.iterations)

        clean, score = guidance(observations, x, s, weigh)
        return self.move(clean, score, s)
