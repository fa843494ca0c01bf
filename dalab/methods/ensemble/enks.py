r"""EnKS: ensemble Kalman smoother.

Target: the forecast prior, a Gaussian with the covariance of the ensemble's trajectories, times the
Gaussian likelihood of all observations of the window, up to the localisation.

A forward pass of the LETKF in which the transform found at step k recombines not only the members
at step k but also their states at earlier steps, at the same place. Every state thus sees the
observations of the whole window, as in 4D-Var and the window posteriors; the last step is the
filter's.

References:
    | Evensen and van Leeuwen (2000); with the transform form of Ott et al. (2004)
    | Localisation of the past at a fixed place neglects that errors travel with the flow
      (Khare et al., 2008): ``lag`` bounds the number of steps for which it is trusted

Options left open are taken from ``rows`` (:mod:`dalab.methods.ensemble.tuning`): those with a
score were found for it, the others are the ``letkf``'s.
"""

from __future__ import annotations

from collections.abc import Iterator

import param
import torch

from ...random import MemberStreams
from ..base import Problem, Step
from ..cycling import initial_ensemble, observations_at, pad
from .base import inflate, relax
from .letkf import LETKF
from .transform import apply_transform
from .tuning import Rows, Setting


class EnKS(LETKF):
    """Ensemble Kalman smoother: corrects past states too, without the adjoint of the model."""

    rows = Rows(
        alone={
            1.0: Setting(1.0, 1.2),
            0.25: Setting(1.5, 1.05, 0.436),
            0.0625: Setting(2.0, 1.05, 0.847),
            0.01: Setting(2.0, 1.0),
        },
        background={
            1.0: Setting(1.0, 1.05),
            0.25: Setting(1.5, 1.05, 0.058),
            0.0625: Setting(1.5, 1.05, 0.066),
            0.01: Setting(2.0, 1.0),
        },
    )

    lag = param.Integer(8, bounds=(0, 1000), doc="steps back that observations correct; 0 filters")

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        self.check(problem, len(streams))
        total, window = problem.window[0], []
        for k in range(total):
            window.append(
                problem.system.step(window[-1], generator=streams.generators[0])
                if window
                else initial_ensemble(problem, streams)
            )
            network, data = observations_at(problem, k)
            if network.size and torch.isfinite(window[k]).all():
                forecast = inflate(window[k], self.inflation)
                T = self.transform(forecast, network, data, streams)
                for past in range(max(0, k - self.lag), k):
                    window[past] = apply_transform(window[past], T)
                window[k] = relax(apply_transform(forecast, T), forecast, self.rtps, self.rtpp)
            yield Step(pad(window, total), k + 1, total, note=self.note(k, window[k]))
