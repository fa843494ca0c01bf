"""The two-filter smoother against the Kalman smoother, which it must equal on a linear flow."""

from __future__ import annotations

import torch

from dalab.priors.covariance import estimate
from dalab.priors.denoisers.smoother import LIMIT, TwoFilterSmoother
from dalab.priors.gaussian import GaussianPrior
from tests.dense import posterior
from tests.rolling import SITES, TIME, propagate, windows


def test_it_equals_the_kalman_smoother_of_a_linear_flow():
    sigma, clean = 0.5, windows(20000, 0, smooth=True)
    gaussian = GaussianPrior(estimate(clean[:, :, :, :, :]), (TIME, 1, 1, SITES))
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1), dtype=clean.dtype)
    smoother = TwoFilterSmoother((TIME, 1, 1, SITES), propagate, (0.1, sigma)).double()
    noisy = clean + sigma * noise
    smoother.fit_level(1, noisy, clean, gaussian.denoise(noisy, sigma))

    C = torch.cov(clean.flatten(1).T)
    test = windows(5, 2, smooth=True) + 0.3
    mean, _ = posterior(
        torch.zeros(TIME * SITES, dtype=torch.float64), C, torch.eye(len(C), dtype=C.dtype),
        torch.full((len(C),), sigma**2, dtype=C.dtype), test.flatten(1).T[:, 0],
    )
    levels = torch.full((5,), sigma, dtype=torch.float64)
    found, _ = smoother(test, levels, gaussian.denoise(test, sigma))
    assert (found[0].flatten() - mean).abs().max() < 0.03 * mean.abs().max()


def test_what_the_filters_carried_is_in_order_of_time():
    smoother = TwoFilterSmoother((TIME, 1, 1, SITES), propagate, (0.1, 1.0)).double()
    smoother.filters.values[..., -1] = 1.0  # believe every noisy frame
    x = windows(2, 3, smooth=True)
    _, (ahead, back) = smoother(x, torch.tensor([0.5, 0.5]).double(), x)
    torch.testing.assert_close(ahead[:, 1:], x[:, :-1].roll(1, -1))
    torch.testing.assert_close(back[:, :-1], x[:, 1:].roll(-1, -1))
    torch.testing.assert_close(ahead, x)  # the flow is exact


def test_input_far_from_any_flow_stays_finite():
    met = []

    def watched(states):
        met.append(float(states.abs().max()))
        return propagate(states)

    smoother = TwoFilterSmoother((TIME, 1, 1, SITES), watched, (0.1, 1.0)).double()
    smoother.filters.values[..., -1] = 1.0
    x = 1e6 * windows(1, 4, smooth=True)
    estimate_, _ = smoother(x, torch.tensor([0.5]).double(), x)
    assert torch.isfinite(estimate_).all()
    assert max(met) <= LIMIT
