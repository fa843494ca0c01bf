"""CCDM in cycled experiments: a user's own black boxes, and its scores beside the EnKF's."""

from __future__ import annotations

import pytest

from dalab import Experiment, execute
from dalab.experiments.schedule import Schedule
from dalab.experiments.tables.rows import choose_rows
from dalab.methods.generative.ccdm.method import CCDM
from dalab.observations import network
from dalab.systems import SYSTEMS
from tests.methods.generative.ccdm.test_ccdm import Rounded, Sided


def test_own_operator_and_noise_in_a_cycled_experiment():
    method = CCDM(members=400, sampler="direct", h_y=0.3)
    walk = "random-walk:centre=3,width=1"
    made = Experiment(
        system=SYSTEMS.make(walk), truth=f"{walk},interval_noise=0", methods=method, repeats=4,
        network=network(Rounded(), noise=1.0, noise_family=Sided()), seed=1,
        schedule=Schedule(cycles=12, burn_in=6),
    )
    scores = execute(made)["metrics"].to_dataset().isel(method=0)
    assert str(scores["status"].values).startswith("complete")
    assert "effective_kernels_cycles" in scores and float(scores["crps"]) < 3.0


def rmse(setting, method):
    (row,) = [row for row in choose_rows("ccdm", [setting])
              if row.config.methods[0].startswith(method)][:1]
    return float(execute(row.config)["metrics"].to_dataset()["rmse_units"][0])


@pytest.mark.slow
@pytest.mark.parametrize("setting, least, most", [
    ("lorenz63-all", 0.5, 1.15), ("lorenz96", 5.0, 15.0),
])
def test_errors_over_those_of_the_enkf(setting, least, most):
    """Close to it with three variables that are all observed, an order above it with forty."""
    ratio = rmse(setting, "ccdm:members=250,sampler=direct,units=physical,whiten=False,h_min")
    ratio /= rmse(setting, "enkf-simulated")
    assert least < ratio < most


@pytest.mark.slow
def test_the_particle_filter_is_worse_where_the_sign_is_not_seen():
    assert rmse("lorenz63-z", "ccdm") < rmse("lorenz63-z", "pf") - 1
