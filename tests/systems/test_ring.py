"""Linear waves on a ring: a linear, orthogonal step and a Gaussian climate that it keeps."""

from __future__ import annotations

import pytest
import torch

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.twin import prepare
from dalab.methods import METHODS
from dalab.methods.exact.kalman import is_linear, matrix
from dalab.random import stream
from dalab.systems import Ring


def test_a_step_is_linear_and_keeps_the_energy():
    ring = Ring()
    assert is_linear(ring)
    F = matrix(ring.step, ring.shape, "cpu")
    assert torch.allclose(F @ F.T, torch.eye(ring.d, dtype=F.dtype), atol=1e-12)
    x = ring.sample_climate(3, stream(0))
    assert torch.allclose(ring.step(x, 4), ring.trajectory(x, 5)[:, 4])


def test_waves_travel_east_and_short_ones_ahead():
    ring = Ring(d=64)
    site = torch.arange(64, dtype=torch.float64) * 2 * torch.pi / 64
    for k in (1, 5):
        phase = ring.speed * k + ring.dispersion * k**3
        assert torch.allclose(ring.step(torch.cos(k * site)), torch.cos(k * site - phase))


def test_the_climate_has_unit_variance_before_and_after():
    ring = Ring()
    x = ring.sample_climate(4000, stream(1))
    for states in (x, ring.step(x, 7)):
        assert float(states.var()) == pytest.approx(1.0, abs=0.02)
    assert float((x[..., 0] * x[..., 1]).mean()) > 0.7, "neighbours are alike"


def test_the_kalman_filter_and_the_smoother_agree_with_4dvar_at_the_end_of_the_window():
    config = Config(system="ring", operators="identity", masks="stride:4", noise=0.3)
    problem = prepare(config).problem
    means = {}
    for name in ("kf", "rts", "var4d"):
        method = METHODS[name]()
        *_, last = method.run(problem, 1, stream(0))
        means[name] = last.estimate[0].double()
    assert torch.allclose(means["kf"][-1], means["rts"][-1], atol=1e-4)
    assert torch.allclose(means["rts"], means["var4d"], atol=5e-3)
    assert not torch.allclose(means["kf"][0], means["rts"][0], atol=0.1), "later data helped"


@pytest.mark.parametrize("bad", [{"d": 3}, {"width": 0.0}])
def test_what_cannot_be_a_ring_is_refused(bad):
    with pytest.raises(InputError):
        Ring(**bad)
