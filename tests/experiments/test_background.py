"""What a background is worth to the trained prior."""

from __future__ import annotations

import pytest

from dalab.experiments.config import Config
from dalab.experiments.run import execute


@pytest.mark.slow
@pytest.mark.parametrize("operator", ["arctan", "sine", "velocity"])
@pytest.mark.parametrize("mask, interval", [("full", 1), ("random:0.01", 8)])
def test_the_first_step_is_better_known_than_from_the_background(operator, mask, interval):
    config = Config(
        operators=operator, masks=mask, interval=interval, background=0.1, methods="spectral",
        prior="qg64", members=4, steps=12, device="cpu",
    )  # fmt: skip
    tree = execute(config)
    assert float(tree["metrics/rmse_steps"][0, 0]) < 0.1
