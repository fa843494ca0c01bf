r"""LETKF: local ensemble transform Kalman filter.

Target: at every step and grid point, the forecast prior, a Gaussian with the covariance of the
ensemble of model forecasts, times the Gaussian likelihood of the observations nearby.

The transform of :mod:`dalab.methods.ensemble.transform` at every column of the grid, with the
observations around it. Observation errors grow with distance: R^{-1} is multiplied by the
Gaspari-Cohn taper of the periodic horizontal distance with half-width c, zero from 2c on. Operators
may be nonlinear: they act on members. A grid point with no observation within 2c keeps its
forecast.

The levels of a column are one place, unless ``vertical`` says how far apart they are: then every
level has a transform of its own, for which the observations of another level count by the taper at
that distance besides.

References:
    | Hunt, Kostelich and Szunyogh (2007), who cut observations off at a distance; here the number
      that enters is unlimited, since convolutions do not count them

Options left open are taken from ``rows``, with the RMSE of the ensemble mean to expect
from 24 members on qg64: see :mod:`dalab.methods.ensemble.tuning`.
"""

from __future__ import annotations

import param
from torch import Tensor

from ...observations import ObservingNetwork
from ..base import Problem
from .base import LocalisedKalman
from .localisation import Taper, level_factors
from .transform import TransformFilter
from .tuning import Rows, Setting


class LETKF(LocalisedKalman, TransformFilter):
    """Local ensemble transform Kalman filter with the forecast model."""

    rows = Rows(
        alone={
            1.0: Setting(1.0, 1.2, 0.194),
            0.25: Setting(1.5, 1.1, 0.468),
            0.0625: Setting(2.0, 1.0, 0.837),
            0.01: Setting(2.0, 1.0, 1.02),
        },
        background={
            1.0: Setting(1.0, 1.05, 0.043),
            0.25: Setting(1.5, 1.05, 0.060),
            0.0625: Setting(1.5, 1.05, 0.066),
            0.01: Setting(2.0, 1.0, 0.068),
        },
        cycled={0.25: Setting(2.0, 1.05, 0.162)},
    )

    vertical = param.Number(
        0.0, bounds=(0.0, 1000.0),
        doc="distance between neighbouring levels in grid cells; 0: a column is one place",
    )

    def level_factors(
        self, x: Tensor, network: ObservingNetwork, where: Taper | None
    ) -> Tensor | None:
        if where is None or self.vertical == 0:
            return None
        return level_factors(network, x.shape[-3], self.vertical, where.radius)

    def floats(self, problem: Problem, members: int) -> int:
        cells = problem.window[-2] * problem.window[-1]
        cells *= problem.window[-3] if self.vertical else 1
        return super().floats(problem, members) + 6 * members * cells
