r"""Longer windows, composed of overlapping windows of a prior.

States far apart in time depend on each other only through those between them. So a window that is
longer than those of a prior is cut into overlapping ones, each is denoised by itself, and every
state is a weighted mean of its estimates D_i, with weights that fall off from the middle of a
window, where most is known, to its ends,

.. math:: B(D) = \sum_i \omega_i D_i , \qquad \omega \propto (1 - |\tau|)^2 ,

tau running from -1 to 1 through a window. What the states beyond a window say is known for the
Gaussian with the covariance of the climate, extended by the Markov property
(:mod:`dalab.priors.markov`), whose denoiser G of the whole window is exact. It is added as far as
the prior leaves room for it,

.. math:: D(x, \sigma) = B(D) + R_\sigma \, (G(x, \sigma) - B(G)) ,

with R the ratio of the error covariance of the prior to that of its Gaussian. For a Gaussian prior
R is the identity and D is exact.

Guidance takes the Jacobian for the covariance V of a window, over sigma^2. That of D is neither
symmetric nor positive: the Gaussian term takes variance away on average, and a single window may
have less. So gradients are those of another Jacobian, which is both if those of the D_i are, and
whose average is the error covariance E of the whole window,

.. math::
    V = A \, \Big( \sum_i \sqrt{\omega_i} \, V_i \sqrt{\omega_i} \Big) A , \qquad
    A \, \Big( \sum_i \sqrt{\omega_i} \, E_i \sqrt{\omega_i} \Big) A = E .

A also restores covariances of states that are further apart than a window is long.

References:
    | Rozet and Louppe, Score-based data assimilation (arXiv 2306.10574)

Differences: there a window starts at every state, and a state is taken from the window of which it
is the middle. Here a window starts at every fourth state, for a quarter of the cost, and the
weighted mean has a smaller error at nearly all noise levels (``docs/window-posteriors.md``). The
term with R is dalab's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..base import Prior
from ..covariance import (
    HomogeneousObservation,
    SpectralCovariance,
    product,
    to_spectrum,
    to_window,
    weights,
)
from ..gaussian import GaussianPrior
from ..markov import extend
from .augmented import AugmentedPrior
from .levels import map_windows

CHUNK = 2**20
"""Numbers in the windows that are denoised at once, at most: bounds the memory."""


RIDGE = 1e-2
"""Variance added to error covariances before one is carried over to another, relative to that of
white windows: where there is hardly any, their ratio is meaningless."""


@lru_cache(maxsize=2)
def lengthen(prior: Prior, steps: int) -> Prior:
    """Make a prior serve windows of ``steps`` states; the last ones made are kept and shared.

    A Gaussian prior is extended exactly. Priors of that many states or more are returned as they
    are.

    Args:
        prior: a prior of any length.
        steps: states of the windows.
    """
    if steps <= prior.window[0]:
        return prior
    make = extend_gaussian if isinstance(prior, GaussianPrior) else ComposedPrior
    return make(prior, steps).eval().requires_grad_(False)


def lengthen_augmented(prior: AugmentedPrior, steps: int) -> AugmentedPrior:
    """Make an augmented prior serve windows of ``steps`` states, see :func:`lengthen`."""
    return AugmentedPrior(lengthen(prior.core, steps), prior.channels)


def extend_gaussian(prior: GaussianPrior, steps: int) -> GaussianPrior:
    """Extend a Gaussian prior to windows of ``steps`` states by the Markov property."""
    matrices = extend(prior.matrices(), prior.window[1], steps)
    window = (steps, *prior.window[1:])
    return GaussianPrior(matrices, window, prior.name).to(prior.eigenvalues.dtype)


class ComposedPrior(Prior):
    """A prior of long windows, composed of overlapping windows of another prior.

    A background is an observation of the first of these windows. Gradients are those of the
    Jacobian in the description of the module.

    Args:
        base: the prior of the shorter windows.
        steps: states of the long windows.
        stride: states from the start of one window to that of the next; half of a window by
            default.
    """

    shares: Tensor

    def __init__(self, base: Prior, steps: int, stride: int | None = None) -> None:
        super().__init__(base.name, (steps, *base.window[1:]))
        length = base.window[0]
        self.base, self.short = base, equivalent_gaussian(base)
        self.gaussian = extend_gaussian(self.short, steps)
        self.flow_levels = base.flow_levels
        self.starts = window_starts(steps, length, stride or max(length // 2, 1))
        self.register_buffer("shares", overlap_shares(self.starts, steps, length))

    def denoise(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        return map_windows(self._denoise_each, x, sigma, self.window)

    def _denoise_each(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Denoise windows that share a noise level together, others one by one."""
        if len(set(sigma.tolist())) == 1:
            return self._denoise_at(x, float(sigma[0]))
        pairs = zip(x.split(1), sigma.tolist(), strict=True)
        return torch.cat([self._denoise_at(window, level) for window, level in pairs])

    def _denoise_at(self, x: Tensor, sigma: float) -> Tensor:
        if not (torch.is_grad_enabled() and x.requires_grad):
            return self.compose(self.base.denoise, x, sigma) + self._beyond(x, sigma)
        A, roots = self._transport(sigma), self.shares.sqrt()
        windows = self.cut(x.detach()) + roots.to(x) * self.cut(self._apply(A, x - x.detach()))
        found = _in_chunks(self.base.denoise, windows, sigma)
        value, tangent = self.join(found.detach(), self.shares), found - found.detach()
        return value + self._beyond(x.detach(), sigma) + self._apply(A, self.join(tangent, roots))

    def compose(
        self, denoise: Callable[[Tensor, float], Tensor], x: Tensor, sigma: float
    ) -> Tensor:
        """Weighted means of the estimates of all overlapping windows.

        Args:
            denoise: denoiser of short windows.
            x: long windows, ``(batch, time, lev, y, x)``.
            sigma: their noise level.
        """
        return self.join(_in_chunks(denoise, self.cut(x), sigma), self.shares)

    def cut(self, x: Tensor) -> Tensor:
        """Cut long windows into overlapping ones, ``(batch, windows, short time, lev, y, x)``."""
        return torch.stack([x[:, a : a + self.base.window[0]] for a in self.starts], 1)

    def join(self, parts: Tensor, factors: Tensor) -> Tensor:
        """Add up overlapping windows, each state times its factor; transposes :meth:`cut`."""
        joined = parts.new_zeros(len(parts), *self.window)
        for a, part, factor in zip(self.starts, parts.unbind(1), factors.to(parts), strict=True):
            joined[:, a : a + len(factor)] += factor * part
        return joined

    def _beyond(self, x: Tensor, sigma: float) -> Tensor:
        """Term of the Gaussian, for what the states beyond short windows say."""
        missed = self.gaussian.denoise(x, sigma) - self.compose(self.short.denoise, x, sigma)
        V, ratio = torch.view_as_complex(self.gaussian.eigenvectors), self.ratio(sigma)
        modes = ratio.permute(2, 0, 1) * product(V.mH, to_spectrum(missed))
        return to_window(product(V, modes), self.window)

    def _apply(self, matrices: Tensor, x: Tensor) -> Tensor:
        return to_window(product(matrices, to_spectrum(x)), self.window)

    def _transport(self, sigma: float) -> Tensor:
        """Matrices A that take the average covariance of composed windows to that of the prior."""
        E, lev = self.base.error_covariance(sigma).matrices, self.window[1]
        target = self.error_covariance(sigma).matrices
        source = torch.zeros_like(target)
        for a, shares in zip(self.starts, self.shares.flatten(1).sqrt(), strict=True):
            roots = shares.repeat_interleave(lev).to(E.real)
            rows = slice(a * lev, a * lev + len(roots))
            source[..., rows, rows] += roots[:, None] * E * roots
        return transport(source, target, RIDGE * sigma**2 / (1 + sigma**2))

    def ratio(self, sigma: float) -> Tensor:
        """Error variance of the prior relative to its Gaussian's, ``(ny, nx//2 + 1, c)``.

        It is known for the eigenvectors of short windows, and taken as a function of the variance.
        """
        w, V = self.short.eigenvalues, torch.view_as_complex(self.short.eigenvectors)
        E = self.base.error_covariance(sigma).matrices.to(V)
        own = (V.conj() * (E @ V)).sum(-2).real
        ratio = (own / (w * sigma**2 / (w + sigma**2))).clamp(1e-3, 1.0)
        return interpolate_sorted(ratio, w.log(), self.gaussian.eigenvalues.log())

    def error_covariance(self, sigma: float) -> SpectralCovariance:
        """Average covariance of the window given a noisy one.

        With R of the long windows' eigenvectors it would be R times that of the Gaussian if short
        windows were left as much better off by their neighbours as Gaussian ones. They are only in
        the share that R has on average; in the rest they err as short windows do.
        """
        w, ratio = self.gaussian.eigenvalues, self.ratio(sigma)
        analytic = w * sigma**2 / (w + sigma**2)
        least = mean_variance(ratio * analytic, self.window)
        share = least / mean_variance(analytic, self.window)
        inflation = share + (1 - share) * self._composed_variance(sigma) / least
        return self.gaussian.covariance((inflation * ratio).clamp(max=1.0) * analytic)

    def _composed_variance(self, sigma: float) -> Tensor:
        """Error variance of the weighted mean of short windows if their errors are the same."""
        variance = self.base.error_covariance(sigma).variance().mean((1, 2, 3))
        return (self.shares.flatten(1).to(variance) * variance).sum() / self.window[0]

    @property
    def climatological_covariance(self) -> SpectralCovariance:
        return self.gaussian.climatological_covariance

    def background_observation(self, state: Tensor, std: float) -> HomogeneousObservation:
        seen = self.base.background_observation(state, std)
        *shape, columns = seen.operator.shape
        unseen = math.prod(self.window[:2]) - columns
        operator = torch.cat([seen.operator, seen.operator.new_zeros(*shape, unseen)], -1)
        return HomogeneousObservation(operator, seen.values)


def equivalent_gaussian(prior: Prior) -> GaussianPrior:
    """Gaussian prior with the climatological covariance of another prior."""
    known = getattr(prior, "gaussian", None)
    if isinstance(known, GaussianPrior):  # its covariance in double precision
        return known
    C = prior.climatological_covariance.matrices
    found = GaussianPrior(C.to(torch.complex128), prior.window, prior.name)
    found.eigenvalues.clamp_(min=float(found.eigenvalues.max()) * torch.finfo(C.dtype).eps)
    return found.to(C.real.dtype)


def mean_variance(eigenvalues: Tensor, window: Sequence[int]) -> Tensor:
    """Mean variance of windows whose covariance has the eigenvalues ``(ny, nx//2 + 1, c)``."""
    total = (eigenvalues.sum(-1) * weights(window[-1], eigenvalues)).sum()
    return total / math.prod(window)


def window_starts(steps: int, length: int, stride: int) -> list[int]:
    """First states of windows of ``length`` that cover ``steps``, the last of them at the end."""
    return [*range(0, steps - length, stride), steps - length]


def overlap_shares(starts: Sequence[int], steps: int, length: int) -> Tensor:
    """Shares of every window in the states that it covers, ``(windows, length, 1, 1, 1)``.

    They add up to 1 for each of the ``steps`` states.
    """
    middle = (length - 1) / 2
    weight = (1 - (torch.arange(length) - middle).abs() / (middle + 1)) ** 2
    total = torch.zeros(steps)
    for a in starts:
        total[a : a + length] += weight
    return torch.stack([weight / total[a : a + length] for a in starts])[..., None, None, None]


def transport(source: Tensor, target: Tensor, ridge: float) -> Tensor:
    """Hermitian matrices A with A (source + ridge) A = target + ridge, the closest to 1.

    Args:
        source: Hermitian matrices, positive, ``(..., c, c)``.
        target: others.
        ridge: variance added to both.
    """
    eye = ridge * torch.eye(source.shape[-1]).to(source)
    w, V = torch.linalg.eigh(source + eye)
    w = w.clamp(min=ridge)[..., None, :].sqrt()
    root, inverse = (V * w) @ V.mH, (V / w) @ V.mH
    v, W = torch.linalg.eigh(root @ (target + eye) @ root)
    return inverse @ (W * v.clamp(min=0)[..., None, :].sqrt()) @ W.mH @ inverse


def interpolate_sorted(values: Tensor, points: Tensor, wanted: Tensor) -> Tensor:
    """Interpolate linearly along the last axis; values are constant beyond the points.

    Args:
        values: ``(..., n)``.
        points: where they are, ``(..., n)``, increasing.
        wanted: where they are wanted, ``(..., m)``.
    """
    upper = torch.searchsorted(points, wanted.contiguous()).clamp(1, points.shape[-1] - 1)
    low, high = points.gather(-1, upper - 1), points.gather(-1, upper)
    share = ((wanted - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
    return torch.lerp(values.gather(-1, upper - 1), values.gather(-1, upper), share)


def _in_chunks(
    denoise: Callable[[Tensor, float], Tensor], windows: Tensor, sigma: float
) -> Tensor:
    """Denoise windows ``(batch, windows, time, lev, y, x)`` a chunk at a time.

    Backpropagation computes every chunk anew, so that the memory of one is enough.
    """
    flat = windows.flatten(0, 1)
    parts = flat.split(max(CHUNK // flat[0].numel(), 1))
    if len(parts) == 1 or not (torch.is_grad_enabled() and flat.requires_grad):
        found = [denoise(part, sigma) for part in parts]
    else:
        found = [checkpoint(denoise, part, sigma, use_reentrant=False) for part in parts]
    return torch.cat(found).view_as(windows)
