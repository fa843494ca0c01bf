"""Networks: the observation vector, its noise, derivatives, and cutting by step."""

from __future__ import annotations

import pytest
import torch

from dalab.errors import InputError
from dalab.observations import MASKS, NOISES, OPERATORS, network
from dalab.options import build
from dalab.priors.covariance import product, to_spectrum, to_window
from dalab.random import stream


@pytest.fixture
def mixed(tiny_system):
    operators = [OPERATORS["arctan"](tiny_system), OPERATORS["velocity"](tiny_system)]
    masks = [build("mask", "random:0.3", MASKS).cells(4, (8, 8), stream(0, i)) for i in range(2)]
    return network(*operators, mask=masks, interval=2, noise=0.2, assumed_noise=0.5).realise()


@pytest.fixture
def window() -> torch.Tensor:
    return torch.randn(5, 4, 2, 8, 8, generator=stream(9), dtype=torch.float64)


def test_size_counts_cells_steps_and_channels(mixed):
    assert mixed.size == 19 * 2 * 2 + 19 * 2 * 4
    assert mixed.apply(torch.zeros(3, 4, 2, 8, 8)).shape == (3, mixed.size)


def test_take_and_put_are_transposes(mixed, window):
    i = mixed.instruments[0]
    w = torch.randn(5, i.size, generator=stream(1), dtype=torch.float64)
    assert (i.take(window) * w).sum().item() == pytest.approx((window * i.put(w)).sum().item())


def test_jvp_and_vjp_are_transposes(mixed, window):
    v = torch.randn(window.shape, generator=stream(2), dtype=torch.float64)
    w = torch.randn(5, mixed.size, generator=stream(3), dtype=torch.float64)
    left = (mixed.jvp(window, v) * w).sum().item()
    assert left == pytest.approx((v * mixed.vjp(window, w)).sum().item(), rel=1e-10)


def test_observations_have_the_true_noise_and_the_assumed_variance(mixed, window):
    truth = window[0]
    clean = mixed.apply(truth)
    errors = torch.stack(
        [mixed.observe(truth, lambda i, s=s: stream(s, i)) - clean for s in range(200)]
    )
    assert errors.std() == pytest.approx(0.2, rel=0.02)
    torch.testing.assert_close(mixed.variance(), torch.full((mixed.size,), 0.25))


def test_instruments_have_independent_noise(mixed, window):
    a, b = mixed.split(mixed.observe(window[0], lambda i: stream(0, i)) - mixed.apply(window[0]))
    assert abs(torch.corrcoef(torch.stack([a, b[: len(a)]]))[0, 1]) < 0.35


def test_one_step_of_the_network_is_its_rows(mixed, window):
    whole = mixed.apply(window)
    for step in range(4):
        part = mixed.at(step).apply(window[:, step : step + 1])
        torch.testing.assert_close(part, whole[:, mixed.rows(step)])
    assert mixed.at(1).size == 0 and sum(int(mixed.rows(k).sum()) for k in range(4)) == mixed.size


def test_linear_only_if_every_operator_is(tiny_system, mixed):
    assert not mixed.linear
    full = torch.ones(2, 8, 8, dtype=torch.bool)
    assert network(OPERATORS["velocity"](tiny_system), mask=full).realise().linear


@pytest.mark.parametrize("std", [0.0, -0.1, float("nan")])
def test_noise_must_be_positive(tiny_system, std):
    full = torch.ones(2, 8, 8, dtype=torch.bool)
    with pytest.raises(InputError, match="noise = .*above 0.*Use 0.1"):
        network(OPERATORS["arctan"](tiny_system), mask=full, noise=std).realise()
    with pytest.raises(InputError, match="assumed noise = .*above 0"):
        network(OPERATORS["arctan"](tiny_system), mask=full, assumed_noise=std).realise()


def test_no_operator_is_refused():
    with pytest.raises(InputError, match="operators = .*at least one"):
        network(mask=[]).realise()


def test_noise_families_reach_the_data(tiny_system, window):
    full = torch.ones(4, 8, 8, dtype=torch.bool)
    H = OPERATORS["identity"](tiny_system)
    net = network(H, mask=full, noise_family=NOISES["uniform"](), noise=0.1).realise()
    errors = net.observe(window[0], lambda i: stream(0, i)) - net.apply(window[0])
    assert 0.16 < errors.abs().max() <= 0.1732051


def test_information_spread_over_all_cells_is_that_of_a_full_network(tiny_system, window):
    """J^T R^-1 J per wavenumber, where a mask is full; the share squared, where it is not."""
    velocity, full = OPERATORS["velocity"](tiny_system), torch.ones(4, 8, 8, dtype=torch.bool)
    dense = network(velocity, mask=full, interval=2, noise=0.2).realise()
    spectrum = to_spectrum(window)
    spectrum[..., 4, :] = spectrum[..., 4] = 0  # a real velocity shows a part of these only
    smooth = to_window(spectrum, window.shape[1:])
    pulled = dense.vjp(smooth, dense.apply(smooth) / 0.2**2)
    found = to_window(product(dense.spectral_information, to_spectrum(smooth)), window.shape[1:])
    torch.testing.assert_close(found, pulled, rtol=1e-8, atol=1e-8)

    half = full.clone()
    half[..., ::2] = False
    arctan = OPERATORS["arctan"](tiny_system)
    design = network(velocity, arctan, velocity, mask=half, interval=2, noise=0.2)
    sparse = design.realise()
    torch.testing.assert_close(2 * sparse.spectral_information, dense.spectral_information)
    assert network(arctan, mask=full).realise().spectral_information is None
