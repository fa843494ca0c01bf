"""The default experiment of the lab: a quarter of the flow seen through arctan, once a day."""

from __future__ import annotations

from .config import Config

DEMO = Config(
    operators=("arctan",), masks=("random:0.25",), methods=("spectral", "sda", "etkf", "oi")
)
"""Expect, on a CPU: rmse_mean of about 0.4 for spectral, oi and sda; 0.6 for etkf."""
