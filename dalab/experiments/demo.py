"""The default experiment of the lab: a quarter of the flow seen through arctan, once a day."""

from __future__ import annotations

from .config import Config

DEMO = Config(
    operators=("arctan",), masks=("random:0.25",), methods=("spectral", "letkf", "oi")
)
"""Expect rmse_mean of about 0.18 for spectral, 0.43 for oi, 0.45 for letkf."""
