"""Priors around denoisers of other packages, against the Gaussian prior they are made from."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from azula.denoise import Denoiser, DiracPosterior, GaussianDenoiser
from azula.linalg.covariance import FullCovariance
from azula.noise import CosineSchedule, RectifiedSchedule, VESchedule, VPSchedule

from dalab.errors import InputError
from dalab.methods import METHODS
from dalab.priors import DenoiserPrior
from dalab.priors.denoisers.foreign import Adapter
from dalab.priors.denoisers.matching import MatchedAzula
from dalab.random import stream
from tests.dense import matrix
from tests.methods.worlds import last, problem

SCHEDULES = (
    VESchedule(1e-2, 80.0), VPSchedule(), CosineSchedule(), RectifiedSchedule(),
    VPSchedule(alpha_min=1e-2, sigma_min=1e-2),
)
BETAS = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
SIGNAL = torch.cumprod(1 - BETAS, 0)
LEVELS = ((1 - SIGNAL) / SIGNAL).sqrt()
SIGMAS = (0.05, 0.3, 1.0, 4.0, 15.0)


class Exact(Denoiser):
    """The denoiser of a Gaussian prior as azula would have it, windows with stacked channels."""

    def __init__(self, prior, schedule):
        super().__init__()
        self.prior, self.schedule = prior, schedule

    def forward(self, x_t, t):
        a, b = self.schedule(t)
        windows = x_t.unflatten(1, self.prior.window[:2]) / a
        return DiracPosterior(self.prior.denoise(windows, b / a).flatten(1, 2))


def predictor(prior, kind, wrapped=False):
    """The exact predictor of a Gaussian prior under a discrete schedule."""

    def predict(x_t, steps):
        a = SIGNAL[steps].sqrt().view(-1, 1, 1, 1, 1)
        b = (1 - a**2).sqrt()
        clean = prior.denoise(x_t / a, b / a)
        noise = (x_t - a * clean) / b
        found = {"epsilon": noise, "v_prediction": a * noise - b * clean, "sample": clean}[kind]
        return SimpleNamespace(sample=found) if wrapped else found

    return predict


def scheduler(kind):
    return SimpleNamespace(alphas_cumprod=SIGNAL, config=SimpleNamespace(prediction_type=kind))


def draws(prior, count, seed=0):
    normal = torch.randn(count, *prior.window, generator=stream(seed, "x"), dtype=torch.float64)
    return prior.climatological_covariance.sample(normal)


def noised(prior, sigma, count=4):
    noise = torch.randn(count, *prior.window, generator=stream(1, "n"), dtype=torch.float64)
    return draws(prior, count, 1) + sigma * noise


@pytest.fixture(scope="module")
def windows(tiny_prior):
    return draws(tiny_prior, 2000)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_an_azula_denoiser_with_stacked_channels_is_the_same_prior(tiny_prior, windows, schedule):
    prior = DenoiserPrior(Exact(tiny_prior, schedule), windows[:100], adapter="channels")
    for sigma in SIGMAS:
        x = noised(tiny_prior, sigma)
        expected = tiny_prior.denoise(x, sigma)
        torch.testing.assert_close(prior.denoise(x, sigma), expected, rtol=1e-9, atol=1e-11)


def test_azulas_own_analytic_denoiser_of_flat_windows_is_the_same_prior(tiny_prior, windows):
    C = matrix(tiny_prior.climatological_covariance, tiny_prior.window)
    values, vectors = torch.linalg.eigh(C)
    dense = FullCovariance(vectors, values)
    own = GaussianDenoiser(torch.zeros(len(C), dtype=C.dtype), dense, VPSchedule())
    prior = DenoiserPrior(own, windows[:100], adapter="flat")
    for sigma in SIGMAS:
        x = noised(tiny_prior, sigma)
        expected = tiny_prior.denoise(x, sigma)
        torch.testing.assert_close(prior.denoise(x, sigma), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_time_of_a_level_gives_that_level(tiny_prior, schedule):
    matched = MatchedAzula(Exact(tiny_prior, schedule))
    for sigma in (1.001 * matched.lowest, 0.1, 1.0, 10.0, 0.999 * matched.highest):
        a, b = schedule(torch.tensor(matched.time(sigma), dtype=torch.float64))
        assert float(b / a) == pytest.approx(sigma, rel=1e-9)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_predictor_is_exact_at_its_steps(tiny_prior, windows, kind, wrapped):
    model = predictor(tiny_prior, kind, wrapped)
    prior = DenoiserPrior(model, windows[:100], scheduler=scheduler(kind))
    for step in (0, 10, 300, 700, 999):
        sigma = float(LEVELS[step])
        x = noised(tiny_prior, sigma)
        expected = tiny_prior.denoise(x, sigma)
        torch.testing.assert_close(prior.denoise(x, sigma), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_between_steps_it_errs_by_less_than_half_a_step(tiny_prior, windows, kind):
    """The posterior mean moves by at most one posterior standard deviation per unit of log s."""
    prior = DenoiserPrior(
        predictor(tiny_prior, kind), windows[:100], scheduler=scheduler(kind)
    )
    for step in (5, 50, 300, 800):
        low, high = LEVELS[step : step + 2].tolist()
        sigma = math.sqrt(low * high)
        x = noised(tiny_prior, sigma, 50)
        error = (prior.denoise(x, sigma) - tiny_prior.denoise(x, sigma)).square().mean().sqrt()
        spread = tiny_prior.error_covariance(sigma).variance().mean().sqrt()
        assert 0 < error < 1.05 * math.log(high / low) / 2 * spread


def test_one_level_per_window(tiny_prior, windows):
    prior = DenoiserPrior(
        predictor(tiny_prior, "epsilon"), windows[:100], scheduler=scheduler("epsilon")
    )
    x, sigma = noised(tiny_prior, 0.5, 2), torch.tensor([0.2, 0.9], dtype=torch.float64)
    together = prior.denoise(x, sigma.view(2, 1, 1, 1, 1))
    for i, level in enumerate(sigma.tolist()):
        torch.testing.assert_close(together[i], prior.denoise(x[i], level))


def test_outside_the_schedule_it_is_the_gaussian_of_the_windows_or_the_lowest_level(
    tiny_prior, windows
):
    schedule = VESchedule(0.1, 3.0)
    prior = DenoiserPrior(Exact(tiny_prior, schedule), windows, adapter="channels")
    x = noised(tiny_prior, 3.1)
    torch.testing.assert_close(prior.denoise(x, 3.1), prior.gaussian.denoise(x, 3.1))
    torch.testing.assert_close(prior.denoise(x, 0.01), tiny_prior.denoise(x, 0.1))


def test_the_measured_errors_are_the_analytic_ones(tiny_prior, windows):
    """On 64 windows of 64 cells: 4096 numbers per field give variances to about two per cent,
    64 per wavenumber its entries to about 12, less where rings share them."""
    prior = DenoiserPrior(Exact(tiny_prior, VPSchedule()), windows, adapter="channels")
    for sigma in (0.1, 1.0, 10.0):
        found, expected = (p.error_covariance(sigma) for p in (prior, tiny_prior))
        torch.testing.assert_close(found.variance(), expected.variance(), rtol=0.03, atol=0)
        assert (found.matrices - expected.matrices).norm() < 0.1 * expected.matrices.norm()
    found, expected = (p.climatological_covariance for p in (prior, tiny_prior))
    assert (found.matrices - expected.matrices).norm() < 0.05 * expected.matrices.norm()


@pytest.mark.parametrize("schedule", ["vp", "epsilon"])
@pytest.mark.parametrize(("method", "tolerance"), [("dps", 1e-4), ("spectral", 3e-3)])
def test_methods_score_as_with_the_gaussian_prior(
    tiny_system, tiny_prior, windows, schedule, method, tolerance
):
    """With the same noise. ``dps`` feels only that discrete levels are not quite those asked for,
    which moves estimates by less than 1 per cent of their spread; ``spectral`` also uses the error
    table, known to 3 per cent, of which scores feel the square."""
    if schedule == "vp":
        prior = DenoiserPrior(Exact(tiny_prior, VPSchedule()), windows, adapter="channels")
    else:
        model = predictor(tiny_prior, "epsilon")
        prior = DenoiserPrior(model, windows, scheduler=scheduler("epsilon"))
    p = problem(tiny_system, tiny_prior)
    normal = torch.randn(p.window, generator=stream(0, "truth"), dtype=torch.float64)
    truth = tiny_prior.climatological_covariance.sample(normal)
    scores = []
    for chosen in (prior, tiny_prior):
        final = last(METHODS[method](steps=24), replace(p, prior=chosen), 8).estimate
        scores.append(float((final.mean(0) - truth).square().mean().sqrt()))
    assert scores[0] == pytest.approx(scores[1], rel=tolerance)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"denoiser": lambda x, t: x}, "must be an azula Denoiser"),
        ({"scheduler": SimpleNamespace(alphas_cumprod=SIGNAL)}, "prediction_type"),
        ({"scheduler": scheduler("score")}, "prediction_type.*'score'"),
        (
            {"scheduler": SimpleNamespace(config={"prediction_type": "epsilon"})},
            "alphas_cumprod.*None",
        ),
        ({"adapter": "rows"}, "adapter = 'rows': must be one of window, channels, flat"),
        ({"adapter": "flat"}, "must denoise windows of shape"),
        ({"windows": torch.zeros(5, 3, 2, 8, 8)}, "number of windows = 5: must be at least 6"),
        ({"windows": torch.zeros(3, 2, 8, 8)}, "must be floating-point numbers of shape"),
    ],
)
def test_unfit_input_is_refused(tiny_prior, windows, change, match):
    given = {
        "denoiser": Exact(tiny_prior, VPSchedule()), "windows": windows[:10], "adapter": "channels",
    }
    with pytest.raises(InputError, match=match):
        DenoiserPrior(**{**given, **change})


def test_an_adapter_of_ones_own(tiny_prior, windows):
    """A denoiser with level and time swapped."""

    def swapped(x_t, steps):
        return predictor(tiny_prior, "sample")(x_t.transpose(1, 2), steps).transpose(1, 2)

    adapter = Adapter(lambda x: x.transpose(1, 2), lambda x: x.transpose(1, 2))
    prior = DenoiserPrior(
        swapped, windows[:100], scheduler=scheduler("sample"), adapter=adapter
    )
    sigma = float(LEVELS[300])
    x = noised(tiny_prior, sigma)
    torch.testing.assert_close(prior.denoise(x, sigma), tiny_prior.denoise(x, sigma))
