"""Ensemble Kalman filters and the smoother against exact answers of a linear model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.errors import InputError
from dalab.methods.cycling import initial_ensemble, observations_at
from dalab.methods.ensemble.base import relax
from dalab.methods.ensemble.enkf import EnKF
from dalab.methods.ensemble.enks import EnKS
from dalab.methods.ensemble.etkf import ETKF
from dalab.methods.ensemble.letkf import LETKF
from dalab.methods.ensemble.localisation import (
    from_fields,
    gaspari_cohn,
    localised_product,
    taper,
    taper_at,
    to_fields,
)
from dalab.methods.ensemble.stencil import Stencil
from dalab.methods.ensemble.transform import ensemble_weights, rotation, weights
from dalab.observations import OPERATORS, network
from dalab.random import MemberStreams, stream
from tests.dense import matrix
from tests.methods.kalman import filtered, first_moments, moment_matched, smoothed
from tests.methods.worlds import Advection, last, problem

PLAIN = {
    "etkf": ETKF(inflation=1.0),
    "etkf, rotated": ETKF(inflation=1.0, rotation=True),
    "letkf": LETKF(inflation=1.0, localisation=0.0),
    "enkf": EnKF(inflation=1.0, localisation=0.0),
}


@pytest.fixture
def linear(tiny_prior):
    return problem(Advection(), tiny_prior, ("identity",), background=0.5)


def streams(members, seed=0):
    return MemberStreams(seed, members, dtype=torch.float64)


def close(a, b, **tolerance):
    torch.testing.assert_close(a, b, **{"rtol": 1e-6, "atol": 1e-6, **tolerance})


# ---------------------------------------------------------------- exact answers


@pytest.mark.parametrize("name", ["etkf", "etkf, rotated", "letkf"])
def test_transform_of_a_moment_matched_ensemble_is_the_kalman_filter(linear, name):
    x = moment_matched(*first_moments(linear)).unflatten(1, (2, 8, 8))
    for k, (mean, P) in enumerate(filtered(linear)):
        forecast = x if k == 0 else linear.system.step(x)
        x = PLAIN[name].analysis(forecast, *observations_at(linear, k), streams(len(x)))
        close(x.mean(0).flatten(), mean)
        close(torch.cov(x.flatten(1).T), P, rtol=1e-5)


def test_enkf_of_a_moment_matched_ensemble_has_the_exact_mean(linear):
    """The centred perturbations leave the mean alone; the covariance is right on average."""
    x = moment_matched(*first_moments(linear)).unflatten(1, (2, 8, 8))
    x = PLAIN["enkf"].analysis(x, *observations_at(linear, 0), streams(len(x)))
    mean, P = filtered(linear)[0]
    close(x.mean(0).flatten(), mean)
    ratio = x.flatten(1).var(0).mean() / torch.diagonal(P).mean()
    assert ratio == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("name", ["etkf", "enkf"])
def test_the_error_falls_with_the_root_of_the_ensemble(linear, name):
    plain = PLAIN[name]
    mean, P = filtered(linear)[-1]

    def error(members: int) -> float:
        method = type(plain)(**{**plain.param.values(), "members": members})
        found = last(method, linear, 1).estimate[:, -1].flatten(1).mean(0)
        return float((found - mean).pow(2).mean().sqrt() / torch.diagonal(P).mean().sqrt())

    few, many = error(400), error(1600)
    assert many == pytest.approx(few / 2, rel=0.25)


def test_smoother_of_a_moment_matched_ensemble_is_exact(linear):
    """Mean and covariance of the whole window; the filter's only at the last step."""
    mean, P = smoothed(linear)

    members = moment_matched(*first_moments(linear)).unflatten(1, (2, 8, 8))

    class Matched(EnKS):
        def size(self, members):
            return 129

        def initial_ensemble(self, problem, streams):
            return members

    x = last(Matched(localisation=0.0, inflation=1.0), linear, 1).estimate
    filtering = last(Matched(localisation=0.0, inflation=1.0, lag=0), linear, 1).estimate
    close(x.mean(0), mean)
    close(torch.cov(x.flatten(1).T), P, rtol=1e-5)
    close(filtering.mean(0)[-1], mean[-1])
    assert not torch.allclose(filtering.mean(0)[0], mean[0], atol=1e-2)


@pytest.mark.parametrize("operators", [("identity",), ("speed",), ("velocity", "arctan")])
def test_an_infinite_radius_is_no_localisation(tiny_system, tiny_prior, operators):
    p = problem(tiny_system, tiny_prior, operators)
    x = initial_ensemble(p, streams(12))
    for cls, more in ((LETKF, {}), (EnKF, {"iterations": 300})):
        wide, none = cls(localisation=64.0, **more), cls(localisation=0.0)
        wide.param.localisation.bounds = (0.0, None)
        wide.localisation = 1e6
        found = wide.analysis(x, *observations_at(p, 0), streams(12))
        close(found, none.analysis(x, *observations_at(p, 0), streams(12)))


def test_localised_enkf_is_the_dense_schur_product(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("identity", "arctan"), mask="random:0.5")
    net, data = observations_at(p, 0)
    x = initial_ensemble(p, streams(6))
    method = EnKF(inflation=1.0, localisation=1.5, iterations=400)
    found = method.analysis(x, net, data, streams(6))

    seen, std = net.apply(x[:, None]), net.variance(like=data).sqrt()
    noise = streams(6).normal((net.size,))
    noise = (noise - noise.mean(0)) * (6 / 5) ** 0.5
    X, Y = (x - x.mean(0)).flatten(1), seen - seen.mean(0)
    where = taper(x, 1.5)
    cell = matrix(where, (8, 8))
    rho_x = cell.repeat(2, 2)
    everything = rho_x.repeat(2, 2)
    observed = from_fields(net, torch.arange(256.0).reshape(4, 8, 8)).long()
    Pyy = everything[observed][:, observed] * (Y.T @ Y) / 5
    Pxy = everything[:128][:, observed] * (X.T @ Y) / 5
    gain = Pxy @ torch.linalg.inv(Pyy + torch.diag(std**2))
    expected = x.flatten(1) + (data + std * noise - seen) @ gain.T
    close(found.flatten(1), expected, rtol=1e-5)


def test_levels_apart_have_transforms_of_their_own(tiny_system, tiny_prior):
    """Against the dense ETKF of every point, with the taper of both distances."""
    p = problem(tiny_system, tiny_prior, ("identity", "arctan"), mask="random:0.5")
    net, data = observations_at(p, 0)
    x = initial_ensemble(p, streams(6))
    method = LETKF(inflation=1.0, localisation=1.5, vertical=1.2)
    found = method.analysis(x, net, data, streams(6))

    places = torch.cartesian_prod(*(torch.arange(n) for n in (2, 2, 8, 8)))
    seen_at = from_fields(net, torch.arange(256.0).reshape(4, 8, 8)).long()
    lev, y, x_ = places[seen_at, 1:].T  # channels are the levels of one operator after the other
    seen, std = net.apply(x[:, None]), net.variance(like=data).sqrt()
    Y, d = (seen - seen.mean(0)) / std, (data - seen.mean(0)) / std
    level = taper_at(torch.tensor(1.2 / 1.5, dtype=torch.float64))
    for at in ((0, 0, 0), (1, 3, 5), (1, 7, 2)):
        rho = gaspari_cohn((8, 8), 1.5)[(y - at[1]) % 8, (x_ - at[2]) % 8]
        rho = rho * torch.where(lev == at[0], 1.0, level)
        T = weights((Y * rho) @ Y.T, (Y * rho) @ d)
        mean = x.mean(0)[at]
        close(found[(slice(None), *at)], mean + (x[(slice(None), *at)] - mean) @ T)


def test_the_taper_between_the_levels_of_surface_flow():
    """Half-widths of 1250, 750, 2250 and 1250 km, levels 1000 km apart (DAISI)."""
    r = 1000 / torch.tensor([1250.0, 750.0, 2250.0, 1250.0], dtype=torch.float64)
    expected = torch.tensor([0.376, 0.0487, 0.741, 0.376], dtype=torch.float64)
    close(taper_at(r), expected, rtol=0, atol=5e-4)


def test_levels_in_one_place_and_operators_that_mix_levels(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("velocity",))
    net, data = observations_at(p, 0)
    x = initial_ensemble(p, streams(6))
    with pytest.raises(InputError, match="must observe single levels"):
        LETKF(inflation=1.0, localisation=2.0, vertical=1.0).analysis(x, net, data, streams(6))
    p = problem(tiny_system, tiny_prior)
    net, data = observations_at(p, 0)
    near, one = (LETKF(localisation=2.0, vertical=v) for v in (1e-9, 0.0))
    close(near.analysis(x, net, data, streams(6)), one.analysis(x, net, data, streams(6)))
    smoothed = last(EnKS(localisation=2.0, vertical=1.0, lag=2), p, 6).estimate
    assert smoothed.isfinite().all()


# ---------------------------------------------------------------- localisation


def test_gaspari_cohn_values():
    values = [gaspari_cohn((32, 32), 4.0)[0, d].item() for d in (0, 2, 4, 6, 8, 12)]
    assert values == pytest.approx([1, 0.6849, 0.2083, 0.0165, 0, 0], abs=1e-4)
    wide = gaspari_cohn((32, 24), 4.0)
    assert wide[3, 5] == wide[-3, -5] == wide[5, 3]
    assert gaspari_cohn((1, 40), 7.28)[0, 4] == gaspari_cohn((1, 40), 7.28)[0, -4]


@pytest.mark.parametrize("method", [LETKF(localisation=1.0), EnKF(localisation=1.0)])
def test_one_far_observation_changes_nothing_there(tiny_system, tiny_prior, method):
    p = problem(tiny_system, tiny_prior, ("identity",), mask="points:[(0, 0)]")
    method.inflation = 1.0
    x = initial_ensemble(p, streams(8))
    moved = method.analysis(x, *observations_at(p, 0), streams(8)) - x
    assert moved[..., 0, 0].abs().min() > 1e-3
    assert moved[..., 0, 7].abs().min() > 1e-5  # around the periodic edge
    close(moved[..., 2:7, 2:7], torch.zeros(8, 2, 5, 5, dtype=torch.float64), atol=1e-12)


def test_columns_and_rows_are_transposes(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("velocity", "identity"), mask="random:0.3")
    net = p.network.at(1)
    v = torch.randn(3, net.size, generator=stream(1), dtype=torch.float64)
    close(from_fields(net, to_fields(net, v)), v)
    f = torch.randn(3, 6, 8, 8, generator=stream(2), dtype=torch.float64)
    close((to_fields(net, v) * f).sum(), (v * from_fields(net, f)).sum())


def test_localised_product_is_symmetric_and_positive():
    A = torch.randn(5, 2, 8, 8, generator=stream(0), dtype=torch.float64)
    P = matrix(lambda v: localised_product(A, v, taper(v, 1.5)), (2, 8, 8))
    close(P, P.T, atol=1e-12)
    assert torch.linalg.eigvalsh(P).min() > -1e-10


@pytest.mark.parametrize("mask", ["random:0.5", "points:[(2, 7)]", "full"])
def test_a_stencil_is_the_tapered_covariance(tiny_system, tiny_prior, mask):
    """Of several repeats at once, for several instruments, around the periodic edges."""
    net = problem(tiny_system, tiny_prior, ("velocity", "identity"), mask=mask).network.at(1)
    Y, v = (torch.randn(3, k, net.size, generator=stream(k), dtype=torch.float64) for k in (5, 4))
    where = taper(torch.zeros(8, 8).double(), 1.5)
    numbers = to_fields(net, torch.arange(1, net.size + 1))
    expected = from_fields(net, localised_product(to_fields(net, Y), to_fields(net, v), where))
    close(Stencil(Y, numbers, where)(v), expected, rtol=1e-12, atol=1e-12)


def test_wide_tapers_take_convolutions_and_agree(tiny_system, tiny_prior, monkeypatch):
    p = problem(tiny_system, tiny_prior, ("arctan",))
    x, method = initial_ensemble(p, streams(6)), EnKF(localisation=1.5, iterations=300)
    by_stencil = method.analysis(x, *observations_at(p, 0), streams(6))
    monkeypatch.setattr("dalab.methods.ensemble.stencil.LARGEST", 0)
    close(method.analysis(x, *observations_at(p, 0), streams(6)), by_stencil)


# ---------------------------------------------------------------- spread


def test_weights_keep_the_mean_of_the_members():
    Y = torch.randn(7, 20, generator=stream(0), dtype=torch.float64)
    Y = Y - Y.mean(0)
    close(weights(Y @ Y.T, torch.zeros(7).double()).sum(0), torch.ones(7).double())


def test_rotation_keeps_mean_and_covariance():
    U = rotation(streams(9))
    close(U @ U.T, torch.eye(9).double(), atol=1e-10)
    close(U.sum(0), torch.ones(9).double())
    close(U.sum(1), torch.ones(9).double())
    assert (U - torch.eye(9)).abs().max() > 0.1


def test_relaxation_returns_the_spread_of_the_forecast():
    f = torch.randn(6, 2, 4, 4, generator=stream(0), dtype=torch.float64)
    a = 0.3 * torch.randn(6, 2, 4, 4, generator=stream(1), dtype=torch.float64) + 1
    close(relax(a, f, 1.0, 0.0).std(0), f.std(0))
    close(relax(a, f, 0.5, 0.0).std(0), (a.std(0) + f.std(0)) / 2)
    close(relax(a, f, 0.0, 1.0) - a.mean(0), f - f.mean(0))
    close(relax(a, f, 0.7, 0.3).mean(0), a.mean(0))
    assert relax(a, f, 0.0, 0.0) is a


# ---------------------------------------------------------------- repeats and edges


@pytest.mark.parametrize(
    "method", [ETKF(), LETKF(rtps=0.3), EnKF(iterations=300), EnKF(localisation=0.0)]
)
def test_leading_axes_are_independent_repeats(tiny_system, tiny_prior, method):
    p = problem(tiny_system, tiny_prior, ("arctan",))
    net, data = observations_at(p, 0)
    x = torch.stack([initial_ensemble(p, streams(6, seed)) for seed in (1, 2, 3)])
    several = torch.stack([data, data + 0.3, data - 0.1])
    together = method.analysis(x, net, several, streams(6))
    if isinstance(method, EnKF):  # its noise differs from repeat to repeat: compare the means
        alone = torch.stack(
            [method.analysis(a, net, d, streams(6)) for a, d in zip(x, several, strict=True)]
        )
        return close(together.mean(1), alone.mean(1))
    for a, d, found in zip(x, several, together, strict=True):
        close(found, method.analysis(a, net, d, streams(6)))


@pytest.mark.parametrize("cls", [ETKF, LETKF, EnKF, EnKS])
def test_full_and_absent_observations(tiny_system, tiny_prior, cls):
    full = problem(tiny_system, tiny_prior, ("identity",), mask="full")
    assert torch.isfinite(last(cls(members=2), full, 1).estimate).all()
    blind = problem(tiny_system, tiny_prior, ("identity",), mask="points:[]")
    x = last(cls(members=3), blind, 1).estimate
    close(x[:, 2], tiny_system.step(x[:, 1]))


@pytest.mark.parametrize("cls", [ETKF, LETKF, EnKF, EnKS])
def test_a_collapsed_ensemble_is_named_and_survives(linear, cls):
    same = replace(linear, background=replace(linear.background, std=1e-200))
    final = last(cls(members=4), same, 1)
    assert torch.isfinite(final.estimate).all()
    assert "collapsed" in final.note


@pytest.mark.parametrize("cls", [ETKF, LETKF, EnKF, EnKS])
def test_a_diverged_forecast_ends_as_such(tiny_prior, cls):
    class Exploding(Advection):
        def step(self, x, n=1, generator=None):
            return x * float("inf")

    p = problem(Exploding(), tiny_prior, ("identity",))
    assert not torch.isfinite(last(cls(members=4), p, 1).estimate[:, -1]).all()


def test_an_ensemble_beyond_memory_is_refused_before_work(tiny_prior):
    class Large(Advection):
        shape = (2, 4096, 4096)

    cells = torch.zeros(3, 4096, 4096, dtype=torch.bool)
    net = network(OPERATORS["identity"](Large()), mask=cells).realise()
    p = problem(Advection(), tiny_prior)
    large = replace(p, network=net, data=torch.zeros(0), prior=_Window((3, 2, 4096, 4096)))
    with pytest.raises(InputError, match="ensemble = 10000: must fit in memory"):
        next(LETKF(members=10_000).run(large, 1, stream(0)))


class _Window:
    def __init__(self, window):
        self.window = window

    def to(self, device):
        return self


def test_a_point_without_observations_keeps_its_forecast(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("identity",), mask="points:[(0, 0)]")
    x = initial_ensemble(p, streams(5))
    T = ensemble_weights(x, *observations_at(p, 0), taper(x, 1.0))
    close(T[4, 4], torch.eye(5).double(), atol=1e-10)
