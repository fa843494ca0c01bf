r"""Latent-EnSF: the ensemble score filter in the latent space of a coupled autoencoder.

EnSF changes what is observed and leaves the rest alone. Here forecasts are encoded,
:math:`\ell_j = E_x(x_j)`, and so are the observations, :math:`\ell_y = E_y(y)`, by an encoder that
is trained for their sites (:mod:`dalab.methods.generative.latent.autoencoder`): then all of the
latent state is observed, and EnSF (:mod:`dalab.methods.generative.ensf`) draws the analysis, which
is decoded. What is not observed comes from the decoder.

With ``space=pod`` states are principal components, and observations are encoded by their linear
regression: nothing is trained.

Latent noise: the paper does not say what it is. Here it is measured, for every latent number, on
states that were not learnt from: with ``observe=difference``, as in the paper, :math:`\ell_y` errs
about :math:`\ell` by their root-mean-square difference; with ``observe=regression``, ours, it is
regressed on :math:`\ell`, and errs by what that leaves.

Target: the forecast prior (each member's own forecast, the mixture, or their Gaussian, see
``score``) times a Gaussian likelihood of the encoded observations of its time. As :math:`E_y`
gives the mean of the latent state over the climate, the climatological prior enters at every
analysis, too, beside the forecast: analyses are pulled to the climate where data say little.
With ``observe=regression`` they are not, but errors of different latent numbers, which are taken
for independent, are not.

Reference: Si and Chen, Latent-EnSF (arXiv 2409.00127). What differs: see the autoencoder, and the
latent noise; latent numbers have unit variance over the climate; the score is paired by default, as
in the released EnSF; members keep what their latent states do not decode to, unless
``remainder=False``. Sites have to stay, as in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import param
from torch import Tensor

from ....observations import ObservingNetwork
from ....random import MemberStreams
from ..base import Likelihood
from ..ensf import EnSF
from .base import Decode, LatentFilter


@dataclass(frozen=True)
class LatentLikelihood(Likelihood):
    """Likelihood of latent observations ``data`` of latent states, ``(..., L)``.

    Args:
        offset: of a latent observation.
        slope: of it, per latent number.
        noise: standard deviation of its error.
    """

    offset: Tensor | float = 0.0
    slope: Tensor | float = 1.0
    noise: Tensor | float = 1.0

    def gradient(self, x: Tensor) -> Tensor:
        misfit = self.data[..., None, None, None, :] - self.offset - self.slope * x
        return self.slope * misfit / self.noise**2

    def observed(self, x: Tensor) -> Tensor:
        return (self.offset + self.slope * x[..., 0, 0, :]) / self.noise

    def innovations(self, x: Tensor) -> Tensor:
        return (self.data / self.noise).unsqueeze(-2) - self.observed(x)


class LatentSampler(EnSF):
    """EnSF of latent states, whose numbers are no cells of a grid that could be cut in blocks."""

    def sample(self, x: Tensor, likelihood: Likelihood, streams: MemberStreams) -> Tensor:
        return self._diffuse(x, likelihood, streams)


class LatentEnSF(LatentFilter):
    """Ensemble score filter in the latent space of a coupled autoencoder."""

    family = "Score and flow filters"
    coupled_space = True

    members = param.Integer(
        20, bounds=(2, 10_000), doc="ensemble members, all kept in the result; those of the "
        "experiment if these are more",
    )
    space = param.Selector(
        default="autoencoder", objects=["pod", "autoencoder"],
        doc="latent space: principal components (POD), or an autoencoder",
    )
    score = param.Selector(
        default="paired", objects=["paired", "mixture", "conditional"],
        doc="prior score of EnSF: of each member's own forecast, of the mixture of all, or the "
        "conditional score of a Gaussian forecast",
    )
    observe = param.Selector(
        default="difference", objects=["difference", "regression"],
        doc="law of the encoded observations: they differ from the latent state, or regress on it",
    )
    noise_factor = param.Number(
        1.0, bounds=(1e-3, 1e3), doc="factor on the measured latent noise"
    )
    steps = param.Integer(100, bounds=(1, 10_000), doc="steps in pseudo-time per analysis")
    epsilon_alpha = param.Number(
        None, bounds=(1e-4, 1.0), doc="share of the latent state that is left at the end of the "
        "diffusion; auto: as in ensf",
    )
    epsilon_beta = param.Number(
        None, bounds=(1e-6, 0.9), doc="variance of the noise at its beginning; auto: as in ensf"
    )

    @property
    def effort(self) -> float:
        return self.steps

    def update(
        self, z: Tensor, decode: Decode, network: ObservingNetwork, data: Tensor,
        streams: MemberStreams,
    ) -> Tensor:
        return self.sampler().sample(z, self.likelihood(network, data), streams)

    def sampler(self) -> EnSF:
        """EnSF with the options of this filter."""
        return LatentSampler(
            score=self.score, steps=self.steps, epsilon_alpha=self.epsilon_alpha,
            epsilon_beta=self.epsilon_beta,
        )

    def likelihood(self, network: ObservingNetwork, data: Tensor) -> LatentLikelihood:
        """Likelihood of latent states by observations ``(..., size)``."""
        space = self.learnt_space
        encoded, error = space.encode_observations(data), space.error
        assert error is not None
        if self.observe == "difference":
            noise = self.noise_factor * error.difference.to(data)
            return LatentLikelihood(network, encoded, noise=noise)
        return LatentLikelihood(
            network, encoded, offset=error.offset.to(data), slope=error.slope.to(data),
            noise=self.noise_factor * error.residual.to(data),
        )
