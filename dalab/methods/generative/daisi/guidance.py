r"""Guidance of an interpolant by observations: estimates of the score of their likelihood.

With the data mean :math:`\eta_1` at z_t, J the derivative of the network of observations there and
C the covariance of the data given z_t, the likelihood is close to a Gaussian,

.. math::
    \nabla \log p(y | z_t) \approx \Big( \frac{\partial \eta_1}{\partial z} \Big)^T J^T
        (R + J C J^T)^{-1} (y - h(\eta_1)) , \qquad
    C = \frac{(1 - t)^2}{t} \frac{\partial \eta_1}{\partial z} .

References:
    | Rozet et al., Learning diffusion priors from observations (arXiv 2405.13712): MMPS
    | Chung et al., Diffusion posterior sampling (2209.14687): DPS
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ....errors import InputError
from ....observations import ObservingNetwork
from ....observations.operators import Elementwise
from ....priors.covariance import SpectralCovariance
from ....priors.flow import Flow
from ....random import stream
from ...gaussian.update import Gaussian, assimilate
from .gmres import gmres

GUIDANCE = ("mmps", "dps", "dps-scale", "spectral")
"""Estimates of the likelihood score, by name."""


@dataclass(frozen=True)
class Guidance(abc.ABC):
    """Estimate of the likelihood score along an interpolant; every window is by itself.

    Args:
        flow: interpolant of the prior.
        network: network of one time.
        iterations: of the solver, for those that have one.

    Attributes:
        exact: true if the drift takes the score by (1 - t) / t, as it should, and not by 1 - t.
    """

    flow: Flow
    network: ObservingNetwork
    iterations: int = 1

    @property
    def exact(self) -> bool:
        return True

    @abc.abstractmethod
    def __call__(self, z: Tensor, t: float, data: Tensor) -> tuple[Tensor, Tensor]:
        """Data mean and gradient of log p(y | z_t) with respect to z_t.

        Args:
            z: windows of one state, ``(count, 1, lev, y, x)``.
            t: time, above 0 and below 1.
            data: observations of every window, ``(count, size)``.

        Returns:
            Both shaped like ``z``.
        """

    def factor(self, t: float) -> float:
        """Factor of the likelihood score in the drift."""
        return (1 - t) / t if self.exact else 1 - t


@dataclass(frozen=True)
class _Linearised:
    """Observations about the data mean, over their error std.

    Args:
        clean: data mean.
        residual: data minus the observations of it, ``(count, size)``.
        pull: derivative with respect to z_t, transposed, of rows.
        forward: derivative with respect to the data mean, of windows.
    """

    clean: Tensor
    residual: Tensor
    pull: Callable[[Tensor], Tensor]
    forward: Callable[[Tensor], Tensor]


class _Backpropagated(Guidance):
    """Guidance through the derivative of the denoiser. A subclass writes :meth:`score`."""

    def __call__(self, z: Tensor, t: float, data: Tensor) -> tuple[Tensor, Tensor]:
        std = self.network.variance(like=z).sqrt()
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            clean = self.flow.data_mean(z, t)
            at = clean.detach().requires_grad_()
            seen = self.network.apply(at)
        if not clean.requires_grad:
            raise InputError(
                "prior", self.flow.prior.name, "must be differentiable for this guidance",
                "Use guidance=spectral.",
            )

        def pull(a: Tensor) -> Tensor:
            w, = torch.autograd.grad(seen, at, a / std, retain_graph=True)
            return torch.autograd.grad(clean, z, w, retain_graph=True)[0]

        residual = (data - seen.detach()) / std
        forward = self._derivative(at, seen)
        lin = _Linearised(clean.detach(), residual, pull, lambda v: forward(v) / std)
        return lin.clean, self.score(lin, t, std)

    def _derivative(self, at: Tensor, seen: Tensor) -> Callable[[Tensor], Tensor]:
        """Derivative of the network of observations, as the transpose of its transpose."""
        if self.network.linear:
            return self.network.apply
        with torch.enable_grad():
            rows = torch.zeros_like(seen, requires_grad=True)
            back, = torch.autograd.grad(seen, at, rows, create_graph=True)
        return lambda v: torch.autograd.grad(back, rows, v, retain_graph=True)[0]

    @abc.abstractmethod
    def score(self, lin: _Linearised, t: float, std: Tensor) -> Tensor:
        """Likelihood score, shaped like the windows."""


class MMPS(_Backpropagated):
    """Moment matching: the covariance of the data mean by Tweedie's formula, solved by GMRES.

    One iteration multiplies the residuals of every member by one number, as published: all data
    count alike, however well the state is known where they are. The score comes out of the solve,
    so that every iteration costs one backpropagation and the score none; the published code takes
    two more.
    """

    def score(self, lin: _Linearised, t: float, std: Tensor) -> Tensor:
        scale = (1 - t) ** 2 / t

        def covariance(a: Tensor) -> tuple[Tensor, Tensor]:
            pulled = lin.pull(a)
            return a + lin.forward(scale * pulled), pulled

        return gmres(covariance, lin.residual, self.iterations)[1]


class DPS(_Backpropagated):
    """Gradient of the log likelihood of the data mean, as if that were the state itself."""

    @property
    def exact(self) -> bool:
        return False

    def score(self, lin: _Linearised, t: float, std: Tensor) -> Tensor:
        return lin.pull(lin.residual)


class ScaledDPS(DPS):
    """Gradient of minus the norm of the residuals, in the units of the data and without errors."""

    def score(self, lin: _Linearised, t: float, std: Tensor) -> Tensor:
        residual = lin.residual * std
        norm = residual.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(std.dtype).tiny)
        return lin.pull(residual * std / norm)


@dataclass(frozen=True)
class Spectral(Guidance):
    """Calibrated error covariance of the prior per wavenumber, without any backpropagation.

    Operators are linearised by their moments (:mod:`dalab.methods.gaussian.linearise`). Ours.
    """

    covariances: dict[float, SpectralCovariance] = field(default_factory=dict)

    def __call__(self, z: Tensor, t: float, data: Tensor) -> tuple[Tensor, Tensor]:
        clean = self.flow.data_mean(z, t)
        gaussian = Gaussian(clean, self._covariance(t))
        mean = assimilate(self.network, data, gaussian, self.iterations)
        return clean, (mean - clean) * (t / (1 - t) ** 2)

    def _covariance(self, t: float) -> SpectralCovariance:
        if t not in self.covariances:
            self.covariances[t] = self.flow.prior.error_covariance((1 - t) / t)
        return self.covariances[t]


ESTIMATES: dict[str, type[Guidance]] = dict(
    zip(GUIDANCE, (MMPS, DPS, ScaledDPS, Spectral), strict=True)
)
"""Estimates of the likelihood score by name."""


def check_differentiable(network: ObservingNetwork, guidance: str) -> None:
    """Raise unless guidance can follow every operator of a network.

    Args:
        network: the network.
        guidance: its name; ``spectral`` needs no derivative of operators that act by value.

    Raises:
        InputError: for an operator without a derivative, or whose derivative is zero everywhere.
    """
    for instrument in network.instruments:
        operator = instrument.operator
        if guidance == "spectral" and isinstance(operator, Elementwise):
            continue
        with torch.enable_grad():
            x = torch.randn(1, 1, *operator.system.shape, generator=stream(0, "check"))
            seen = operator(x.requires_grad_())
            steep = seen.requires_grad and torch.autograd.grad(seen.square().sum(), x)[0].any()
        if not steep:
            raise InputError(
                f"derivative of {operator.title()}", 0,
                f"must be there for guidance={guidance}",
                "Use an operator that has one, or guidance=spectral for one that acts by value.",
            )
