r"""Blends of the Gaussian prior and a trained one: the trained correction, scaled.

.. math:: D_b = D_G + b \, (D - D_G), \qquad \lambda_b = (1 - b) \lambda_G + b \lambda .

The error covariance of a blend is bounded by that mixture, since the square of a mean is at most
the mean of the squares.
"""

from __future__ import annotations

import param
import torch
from torch import Tensor

from ..base import Prior
from ..covariance import HomogeneousObservation, SpectralCovariance
from ..gaussian import GaussianPrior
from .residual import ResidualPrior


class Trained(param.Parameterized):
    """Options of a trained prior: its blend with the Gaussian one."""

    blend = param.Number(
        1.0, bounds=(0.0, 1.0), doc="share of the network's correction; 0 is the Gaussian prior"
    )


class BlendedPrior(Prior):
    """A trained prior whose correction is scaled.

    Args:
        prior: the trained one.
        blend: share of its correction, 0 to 1.
    """

    def __init__(self, prior: ResidualPrior, blend: float) -> None:
        super().__init__(prior.name, prior.window)
        self.prior, self.blend = prior, blend
        self.flow_levels = prior.flow_levels if blend > 0 else None

    def denoise(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        gaussian = self.prior.gaussian.denoise(x, sigma)
        if self.blend == 0:
            return gaussian
        return torch.lerp(gaussian, self.prior.denoise(x, sigma), self.blend)

    def error_covariance(self, sigma: float) -> SpectralCovariance:
        trained = self.prior.errors.eigenvalues(self.prior.gaussian, sigma)
        w = self.prior.gaussian.eigenvalues
        return self.prior.gaussian.covariance(
            torch.lerp(w * sigma**2 / (w + sigma**2), trained, self.blend)
        )

    def background_observation(self, state: Tensor, std: float) -> HomogeneousObservation:
        prior = self.prior if self.blend else self.prior.gaussian
        return prior.background_observation(state, std)

    def conditioned_on(self, state: Tensor, std: float) -> Prior | None:
        return self.prior.conditioned_on(state, std) if self.blend == 1 else None

    @property
    def gaussian(self) -> GaussianPrior:
        """The Gaussian prior that it starts from."""
        return self.prior.gaussian

    @property
    def climatological_covariance(self) -> SpectralCovariance:
        return self.prior.climatological_covariance
