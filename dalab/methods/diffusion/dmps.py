r"""DMPS: diffusion model based posterior sampling.

The prior of the clean window is taken for flat, so that given the noisy one it is N(x_s, s^2 I),

.. math:: \nabla \log p(y \mid x_s) \approx \lambda H^T (R + s^2 H H^T)^{-1} (y - H x_s) ,

with no backpropagation through the network. It is exact as the climatological variance grows; the
sampler's own spread is lost entirely, and ``eta`` brings back some of it.

Target: the climatological prior of windows times the Gaussian likelihood of all observations of the
window, and of the background, which is one more observation.

References:
    | Meng and Kabashima, Diffusion model based posterior sampling (arXiv 2211.12343)

Differences: the linear system is solved by conjugate gradients instead of the operator's singular
value decomposition; a nonlinear operator, outside the paper's derivation, is linearised about the
denoised window; the noise levels and their number are dalab's own. The default of lambda is that of
the authors' code, where it scales a shift after the ancestral step; with ``eta`` = 1 that is the
same.
"""

from __future__ import annotations

import param
import torch
from torch import Tensor

from .guidance import isotropic_weights
from .guided import Guided
from .stacked_observations import StackedObservations


class DMPS(Guided):
    """DMPS: flat-prior guidance, no backpropagation, one solve in observation space per step."""

    factor = param.Number(1.75, bounds=(0.0, 10.0), doc="factor lambda on the guidance")
    iterations = param.Integer(15, bounds=(1, 500), doc="conjugate-gradient iterations per step")

    def posterior_mean(self, observations: StackedObservations, x: Tensor, s: float) -> Tensor:
        """Move the denoised window by s^2 times the likelihood score."""
        clean = observations.problem.prior.denoise(x, s)
        if observations.empty:
            return clean
        pullback = torch.func.vjp(observations.apply, clean)[1]
        seen, slope = torch.func.jvp(observations.apply, (clean,), (x - clean,))[:2]
        weights = isotropic_weights(
            observations, clean, observations.data - seen - slope, s**2, self.iterations
        )
        return self.move(clean, self.factor * pullback(weights)[0], s)
