"""Score filters in experiments: cycles and windows on points, rings and planes."""

from __future__ import annotations

import numpy as np
import pytest

from dalab import Config, InputError, execute
from dalab.experiments.experiment import Experiment

METHODS = (
    "masf:steps=6,members=4", "masf:sampler=guided,released=True,steps=60,members=4",
    "sf:steps=20,members=4", "ssls:steps=8,members=4",
)
ANY = ("masf:steps=6,members=4", "masf:sampler=nonlinear,steps=60,members=4",
       "sf:steps=20,members=4", "ssls:steps=8,members=4")
"""Those that take nonlinear operators."""


@pytest.mark.parametrize("operator, methods", [("identity", METHODS), ("arctan", ANY)])
@pytest.mark.parametrize("system, mask", [
    ("lorenz63", "full"), ("lorenz96", "random:0.5"), ("qg64", "random:0.25"),
])
def test_they_cycle(system, mask, operator, methods):
    config = Config(
        system=system, operators=[operator], masks=[mask], noise=0.3, cycles=2,
        background=0.1, methods=methods,
    )
    found = execute(config)["metrics"].to_dataset()
    assert np.isfinite(found["rmse_mean"].values).all()
    assert set(found["status"].values.tolist()) == {"complete"}


@pytest.mark.parametrize("system, mask", [
    ("lorenz63", "full"), ("lorenz96", "random:0.5"), ("qg64", "random:0.25"),
])
def test_they_run_through_a_window(system, mask):
    config = Config(system=system, operators=["identity"], masks=[mask], noise=0.3,
                    background=0.1, methods=METHODS, members=4)
    found = execute(config)["metrics"]["rmse_mean"].values
    assert np.isfinite(found).all()


def test_a_sampler_that_cannot_take_the_operator_is_refused_before_any_run():
    config = Config(system="lorenz96", operators=["arctan"], masks=["full"], cycles=3,
                    methods=["masf:sampler=bridge"])
    with pytest.raises(InputError, match="operator of the bridge"):
        Experiment.of(config)
