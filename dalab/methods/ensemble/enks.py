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

import param
import torch
from torch import Tensor

from ...random import MemberStreams
from ..base import Problem
from ..filtering import State
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

    @property
    def past_times(self) -> int:
        return self.lag

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        return {"ensemble": ensemble, "past": ensemble.unsqueeze(-4)[..., :0, :, :, :]}

    def forecast(
        self, state: State, problem: Problem, steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> State:
        ahead = super().forecast(state, problem, steps, generator)
        kept = self.smoothed(state)
        return {**ahead, "past": kept[..., max(0, kept.shape[-4] - self.lag) :, :, :, :]}

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        forecast = self.inflated("forecast", state["ensemble"])
        T = self.transform(forecast, problem.network, problem.data, streams)
        past = [apply_transform(x, T) for x in state["past"].unbind(-4)]
        x = self.finished(apply_transform(forecast, T), forecast)
        return {"ensemble": x, "past": torch.stack(past, -4) if past else state["past"]}

    def smoothed(self, state: State) -> Tensor:
        return torch.cat([state["past"], state["ensemble"].unsqueeze(-4)], -4)
