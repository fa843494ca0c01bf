r"""Bootstrap particle filter: weights by the likelihood, systematic resampling, jitter.

Target: at every step, the forecast prior, the weighted particles as they are, times the Gaussian
likelihood of the observations of that step: the exact filter as the particles become many.

.. math::
    w_j \propto w_j \exp(-\tfrac12 |R^{-1/2} (y - h(x_j))|^2), \qquad
    N_{\mathrm{eff}} = 1 / \sum_j w_j^2 .

When N_eff falls below a share of N the members are drawn anew according to their weights, and, with
``jitter``, all copies of a particle that was drawn more than once are moved by a fraction of the
spread (the model has no noise to part them): by jitter * N^{-1/(d + 4)} times a random combination
of the weighted anomalies, where d is the size of a state. A particle that was drawn once stays.
Where one particle has taken all the weight the noise is that of the unweighted anomalies, so that a
filter that has lost the truth may find it again.

It needs no Gaussian assumption, but members that grow exponentially with the number of independent
observations: exact for a handful of variables, degenerate for two-layer flow, where one member
takes all the weight.

The members of the result are equally probable: where the filter goes on with weights, the window
shows a resampled copy.

References:
    | Gordon, Salmond and Smith (1993); Snyder et al. (2008): the curse of dimension
    | Kitagawa (1996): systematic resampling; SIR resamples with ``threshold=1,jitter=0,
      resampling=multinomial``; Musso, Oudjane and Le Gland (2001): regularisation
    | DAPPER: jitter, threshold and the choice of the copies; its ``reg`` is ``jitter``, its ``NER``
      is ``threshold``

Expect, Lorenz-63 observed every 0.25 with error variance 2: analysis RMSE 0.38 of 100 particles
with a jitter of 2.4 and a threshold of 0.3, and 0.28 of 800 with 0.9 and 0.2.
"""

from __future__ import annotations

import param
import torch
from torch import Tensor

from ...observations import ObservingNetwork
from ...random import MemberStreams
from ..base import Problem
from ..filtering import State
from .base import EnsembleFilter

DEGENERATE = 1e-10
"""Weight of all other particles together below which one has taken all, as in DAPPER."""


MANY = 10_000
"""Particles from which on noise is drawn by their covariance."""


class ParticleFilter(EnsembleFilter):
    """Bootstrap particle filter with the forecast model: for systems of a few variables."""

    family = "Exact and particles"

    members = param.Integer(200, bounds=(2, 100_000), doc="particles, all kept in the result")
    threshold = param.Number(
        0.5, bounds=(0.0, 1.0), doc="share of effective particles below which they are resampled"
    )
    jitter = param.Number(
        0.5, bounds=(0.0, 10.0), doc="width of the noise on copies, relative to the spread"
    )
    resampling = param.Selector(
        default="systematic", objects=["systematic", "multinomial"],
        doc="draws by the weights: at even distances, or independent",
    )

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        return _weighted(ensemble, uniform_log_weights(ensemble))

    def forecast(
        self, state: State, problem: Problem, steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> State:
        ahead = super().forecast(state, problem, steps, generator)
        return _weighted(ahead["ensemble"], ahead["log_weights"])

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        x = state["ensemble"]
        logw = reweight(x, state["log_weights"], problem.network, problem.data)
        found = _weighted(x, logw)
        poor = found["effective"] < self.threshold * x.shape[-4]
        if not poor.any():
            return found
        fresh, equal = self.rejuvenate(x, logw, streams)
        return {
            **found, "ensemble": torch.where(poor[..., None, None, None, None], fresh, x),
            "log_weights": torch.where(poor[..., None], equal, logw),
        }

    def mean(self, state: State) -> Tensor:
        return state["mean"]

    def estimate(self, state: State, streams: MemberStreams) -> Tensor:
        return resample(state["ensemble"], state["log_weights"], streams)

    def diagnostics(self, state: State) -> dict[str, Tensor]:
        return {"effective_particles": state["effective"]}

    def note(self, k: int, state: State) -> str:
        count = len(state["ensemble"])
        return f"step {k}, {float(state['effective']):.1f} of {count} particles effective"

    def analysis(
        self, ensemble: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        """Weight equally probable forecasts and resample them; see the base class."""
        logw = reweight(ensemble, uniform_log_weights(ensemble), network, data)
        return self.rejuvenate(ensemble, logw, streams)[0]

    def rejuvenate(
        self, x: Tensor, logw: Tensor, streams: MemberStreams
    ) -> tuple[Tensor, Tensor]:
        """Resample and jitter particles; return them with their equal log weights."""
        index = RESAMPLING[self.resampling](logw, streams)
        copies = _take(x, index)
        if self.jitter:
            noise = self.jitter * smoothing_noise(x, logw, streams)
            copies = copies + noise * repeated(index)[..., None, None, None]
        return copies, uniform_log_weights(copies)


def _weighted(x: Tensor, logw: Tensor) -> State:
    """State of weighted particles; their mean is taken before they are resampled."""
    mean = torch.einsum("...n,...nlyx->...lyx", torch.softmax(logw, -1).to(x), x)
    return {"ensemble": x, "log_weights": logw, "mean": mean, "effective": effective_size(logw)}


def uniform_log_weights(x: Tensor) -> Tensor:
    """Log weights of equally probable particles ``(..., N, lev, y, x)``, ``(..., N)``."""
    return torch.zeros(x.shape[:-3], dtype=torch.float64, device=x.device)


def reweight(x: Tensor, logw: Tensor, network: ObservingNetwork, data: Tensor) -> Tensor:
    """Update log weights by the observations of one step; the largest becomes 0.

    Args:
        x: particles ``(..., N, lev, y, x)``.
        logw: their log weights before, ``(..., N)``.
        network: network of the step.
        data: its observations, ``(..., size)``.
    """
    misfit = (data.unsqueeze(-2) - network.apply(x.unsqueeze(-4))).double()
    logw = logw - (misfit**2 / network.variance(like=misfit)).sum(-1) / 2
    return logw - logw.amax(-1, keepdim=True)


def effective_size(logw: Tensor) -> Tensor:
    """Effective number of particles, 1 / sum of squared weights, ``(...,)``."""
    return 1 / torch.softmax(logw, -1).pow(2).sum(-1)


def resample(x: Tensor, logw: Tensor, streams: MemberStreams) -> Tensor:
    """Draw particles ``(..., N, lev, y, x)`` by their log weights ``(..., N)``."""
    return _take(x, systematic_indices(logw, streams))


def systematic_indices(logw: Tensor, streams: MemberStreams) -> Tensor:
    """Indices of the surviving particles, in order, by systematic draws."""
    N = logw.shape[-1]
    normal = streams.normal(logw.shape[:-1])[0].double().to(logw.device)
    offset = torch.special.ndtr(normal)[..., None]
    positions = (torch.arange(N, dtype=torch.float64, device=logw.device) + offset) / N
    edges = torch.softmax(logw, -1).cumsum(-1)
    return torch.searchsorted(edges, positions).clamp(max=N - 1)


def multinomial_indices(logw: Tensor, streams: MemberStreams) -> Tensor:
    """Indices of the surviving particles, in order, by independent draws."""
    normal = streams.normal(logw.shape[:-1]).double().to(logw.device).movedim(0, -1)
    positions = torch.special.ndtr(normal).sort(-1).values.contiguous()
    edges = torch.softmax(logw, -1).cumsum(-1)
    return torch.searchsorted(edges, positions).clamp(max=logw.shape[-1] - 1)


RESAMPLING = {"systematic": systematic_indices, "multinomial": multinomial_indices}
"""Draws of particles by their log weights, by name."""


def repeated(index: Tensor) -> Tensor:
    """True where an index ``(..., N)``, in order, is that of a neighbour too, same shape."""
    found = torch.zeros_like(index, dtype=torch.bool)
    same = index[..., 1:] == index[..., :-1]
    found[..., 1:] |= same
    found[..., :-1] |= same
    return found


def _take(x: Tensor, index: Tensor) -> Tensor:
    return torch.take_along_dim(x, index[..., None, None, None], dim=-4)


def _root(anomalies: Tensor) -> Tensor:
    """Vectors ``(..., d, d)`` with the sum of squares of anomalies ``(..., N, d)``."""
    covariance = anomalies.mT.double() @ anomalies.double()
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt().unsqueeze(-2)).mT.to(anomalies)


def smoothing_noise(x: Tensor, logw: Tensor, streams: MemberStreams) -> Tensor:
    """Noise with the covariance of the weighted particles times the squared kernel bandwidth.

    Where one particle has all the weight, the particles before weighting give the covariance.
    """
    N, d = x.shape[-4], x.shape[-3:].numel()
    w = torch.softmax(logw, -1)
    alone = 1 - w.amax(-1, keepdim=True) < DEGENERATE
    w = torch.where(alone, 1 / N, w).to(x)[..., None, None, None]
    mean = (w * x).sum(-4, keepdim=True)
    unbiased = 1 - (w**2).sum(-4, keepdim=True)
    anomalies = (w / unbiased.clamp(min=torch.finfo(x.dtype).eps)).sqrt() * (x - mean)
    if N > MANY and N > d:  # the same law, without random numbers for every pair of particles
        anomalies = _root(anomalies.flatten(-3)).unflatten(-1, x.shape[-3:])
    normal = streams.normal((*x.shape[:-4], anomalies.shape[-4])).movedim(0, -2)
    return N ** (-1 / (d + 4)) * torch.einsum("...ji,...ilyx->...jlyx", normal, anomalies)
