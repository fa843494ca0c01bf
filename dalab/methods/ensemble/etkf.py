r"""ETKF: ensemble transform Kalman filter, global.

Target: at every step, the forecast prior, a Gaussian with the covariance of the ensemble of model
forecasts, times the Gaussian likelihood of the observations of that step.

One transform (:mod:`dalab.methods.ensemble.transform`) for the whole state. Without localisation
the analysis lives in the span of the members: right when they outnumber the growing directions of
the system, as for Lorenz-96 with 24 members, or for linear systems with many; for two-layer flow
with a few dozen members take ``letkf``.

References:
    | Bishop, Etherton and Majumdar (2001); symmetric square root of Hunt et al. (2007)
    | Sakov and Oke (2008): random rotations. They and DAPPER inflate the analysis
      (``inflate=analysis``), here the forecast is inflated unless that is asked for; from long
      intervals between analyses the two differ by up to a tenth in error

Expect, Lorenz-96 with 40 variables, all observed every 0.05 with unit error, 24 members, inflation
1.013 and rotation: analysis RMSE 0.18.
"""

from __future__ import annotations

from .transform import TransformFilter
from .tuning import Rows, Setting


class ETKF(TransformFilter):
    """Global ensemble transform Kalman filter: for small systems or many members."""

    rows = Rows(
        alone={
            1.0: Setting(0.0, 1.0, 1.02),
            0.25: Setting(0.0, 1.05, 1.03),
            0.0625: Setting(0.0, 1.0, 1.04),
            0.01: Setting(0.0, 1.0, 1.31),
        },
        background={
            1.0: Setting(0.0, 1.35, 0.069),
            0.25: Setting(0.0, 1.2, 0.070),
            0.0625: Setting(0.0, 1.0, 0.073),
            0.01: Setting(0.0, 1.0, 0.086),
        },
    )
