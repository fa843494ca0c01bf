"""Base classes of the ensemble filters: initial ensemble, cycling, inflation and relaxation.

A filter is its :meth:`EnsembleFilter.analysis`, a function of an ensemble and the observations of
one time; cycling it through a window is the same for all, and a long cycled run calls the same
analysis. Ensembles are ``(..., N, lev, y, x)``: leading axes hold independent repeats.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Self

import param
import psutil
import torch
from torch import Tensor

from ...errors import InputError
from ...observations import ObservingNetwork
from ...random import MemberStreams
from ..base import Method, Problem, Step
from ..cycling import initial_ensemble, observations_at, pad
from .localisation import Taper, taper
from .tuning import PLAIN, Rows, Setting, setting


class EnsembleFilter(Method):
    """Filter that carries an ensemble through the window with the forecast model."""

    family = "Ensemble filters"
    uses_model = True
    coupled = True

    ensemble = param.Integer(24, bounds=(2, 10_000), doc="ensemble members, all kept in the result")

    def size(self, members: int) -> int:
        return max(self.ensemble, members)

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        self.check(problem, len(streams))
        total, window = problem.window[0], []
        x = initial_ensemble(problem, streams)
        for k in range(total):
            if k > 0:
                x = problem.system.step(window[-1], generator=streams.generators[0])
            network, data = observations_at(problem, k)
            if network.size and torch.isfinite(x).all():
                x = self.analysis(x, network, data, streams)
            window.append(x)
            yield Step(pad(window, total), k + 1, total, note=self.note(k, x))

    def note(self, k: int, x: Tensor) -> str:
        """Progress note after step ``k`` with an ensemble ``(N, ...)``."""
        return f"step {k}, {spread_note(x)}"

    def check(self, problem: Problem, members: int) -> None:
        """Raise before any work if the analysis cannot be done.

        Raises:
            InputError: if it would not fit in memory.
        """
        needed = members * self.floats(problem, members) * problem.data.element_size()
        if problem.data.device.type == "cpu" and needed > psutil.virtual_memory().available:
            raise InputError(
                "ensemble", members, f"must fit in memory, and needs {needed / 2**30:.0f} GiB here",
                "Use fewer members, or a smaller grid.",
            )  # fmt: skip

    def floats(self, problem: Problem, members: int) -> int:
        """Numbers held in memory by the largest step of the method, per member, to its order."""
        state = torch.Size(problem.window[1:]).numel()
        return 4 * (problem.window[0] * state + problem.network.size)

    def analysis(
        self, ensemble: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        """Correct forecasts with the observations of their time.

        Args:
            ensemble: normalised forecasts ``(..., N, lev, y, x)``.
            network: network of that one step, not empty.
            data: its observations, ``(..., size)``.
            streams: randomness, one stream per member.

        Returns:
            The analysed ensemble, same shape.
        """
        raise NotImplementedError


TUNED = {"localisation": "radius", "inflation": "inflation"}
"""Options that are tuned unless they are given, and their names in a :class:`Setting`."""


class EnsembleKalman(EnsembleFilter):
    """Ensemble Kalman filter: inflation before the update, relaxation after it.

    Inflation, and the radius of those that localise, are tuned to the problem unless they are
    given (:mod:`dalab.methods.ensemble.tuning`); the notes of the steps give the values taken.

    Attributes:
        rows: the tuned settings.

    References:
        | Anderson and Anderson (1999): multiplicative inflation
        | Zhang, Snyder and Sun (2004): relaxation to the prior perturbations
        | Whitaker and Hamill (2012): relaxation to the prior spread
    """

    rows: ClassVar[Rows] = Rows()

    inflation = param.Number(
        None, bounds=(1.0, 2.0), step=0.05,
        doc="factor on the forecast anomalies; auto: tuned to the share of cells observed",
    )
    rtps = param.Number(0.0, bounds=(0.0, 1.0), doc="relaxation to the forecast's spread")
    rtpp = param.Number(0.0, bounds=(0.0, 1.0), doc="relaxation to the forecast's perturbations")

    def run(
        self,
        problem: Problem,
        members: int,
        generator: torch.Generator,
        device: torch.device | str = "cpu",
    ) -> Iterator[Step]:
        chosen = self.with_settings(setting(self.rows, problem))
        return super(EnsembleKalman, chosen).run(problem, members, generator, device)

    def with_settings(self, tuned: Setting) -> Self:
        """Copy of the filter with ``tuned`` for the options that are left open."""
        values = self.param.values()
        left = {k: getattr(tuned, f) for k, f in TUNED.items() if k in values and values[k] is None}
        return type(self)(**{**values, **left}) if left else self

    def note(self, k: int, x: Tensor) -> str:
        taken = ((field, getattr(self, name, None)) for name, field in TUNED.items())
        words = [f"{field} {value:g}" for field, value in taken if value]
        return ", ".join([super().note(k, x), *words])

    def analysis(
        self, ensemble: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        forecast = inflate(ensemble, self.inflation or PLAIN.inflation)
        return relax(
            self.update(forecast, network, data, streams), forecast, self.rtps, self.rtpp
        )

    def taper(self, x: Tensor) -> Taper | None:
        """Taper on the grid of states ``x``; ``None`` without localisation."""
        return None

    def update(
        self, x: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        """Update an inflated ensemble; arguments as for :meth:`analysis`."""
        raise NotImplementedError


class LocalisedKalman(EnsembleKalman):
    """Ensemble Kalman filter with localised covariances."""

    localisation = param.Number(
        None, bounds=(0.0, 64.0), step=0.5,
        doc="half-width of the taper in grid cells; 0: none; auto: tuned to the share observed",
    )

    def taper(self, x: Tensor) -> Taper | None:
        return taper(x, PLAIN.radius if self.localisation is None else self.localisation)






def inflate(x: Tensor, factor: float) -> Tensor:
    """Multiply the anomalies of an ensemble ``(..., N, lev, y, x)`` by ``factor``."""
    mean = x.mean(-4, keepdim=True)
    return mean + factor * (x - mean)


def relax(x: Tensor, forecast: Tensor, rtps: float, rtpp: float) -> Tensor:
    """Relax the anomalies of an analysis towards those of the forecast.

    Args:
        x: analysis ``(..., N, lev, y, x)``.
        forecast: the ensemble before it, same shape.
        rtps: share of the lost spread that is given back at every point.
        rtpp: weight of the forecast's anomalies.
    """
    if rtps == rtpp == 0:
        return x
    mean, before = x.mean(-4, keepdim=True), forecast - forecast.mean(-4, keepdim=True)
    after = (1 - rtpp) * (x - mean) + rtpp * before
    std_before, std_after = (a.std(-4, keepdim=True) for a in (before, after))
    tiny = torch.finfo(x.dtype).tiny
    return mean + after * (1 + rtps * (std_before - std_after) / std_after.clamp(min=tiny))


def spread_note(x: Tensor) -> str:
    """Root-mean-square spread of an ensemble ``(N, ...)``, in words."""
    spread = float(x.var(0).mean().sqrt())
    return "spread 0: the ensemble has collapsed" if spread == 0 else f"spread {spread:.3g}"
