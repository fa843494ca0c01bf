"""Exhibits of the gallery show the known faults of the filters, and right filters without them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dalab.errors import InputError
from dalab.experiments.gallery.catalogue import EXHIBITS, make
from dalab.experiments.gallery.exhibit import EXACT, FILTER
from dalab.experiments.gallery.inversion import TIMES, closed_form, ensembles
from dalab.experiments.gallery.linear import (
    AutoRegression,
    analyse,
    cycle,
    kalman,
    moments,
    quantiles,
    steady_spread,
)
from dalab.methods.generative.daisi.closed_form import gaussian_analysis, gaussian_latent


def curves(name, chart=0, **changes):
    """The exact curve of a chart and that of the filter."""
    exhibit = EXHIBITS[name]
    found = exhibit.charts({**exhibit.start, **changes})[chart]
    return (next(c.y for c in found.curves if c.role == role) for role in (EXACT, FILTER))


def test_the_mixture_has_half_the_variance_and_the_conditional_score_has_not():
    exact, found = curves("halved-variance", 1)
    ratio = (found / exact) ** 2
    assert 0.35 < ratio[1] < 0.65 and 0.9 < ratio[-1] < 1.15
    exact, found = curves("halved-variance", 1, score="conditional")
    assert np.abs(found / exact - 1).max() < 0.15, "its blur is 0.001"


def test_the_gain_of_paired_ensf_does_not_know_the_spread():
    exact, found = curves("nudging")
    assert np.ptp(found) < 0.02 and np.ptp(exact) > 0.9


@pytest.mark.parametrize("epsilons, gain", [("0.5,0.025", 0.761), ("0.5,0.05", 0.854)])
def test_the_epsilons_are_the_gain(epsilons, gain):
    _, found = curves("retuning", epsilons=epsilons)
    assert found[0] == pytest.approx(gain, abs=0.01), "at error 0.1, the specified value"


def test_few_steps_with_a_sharp_likelihood_fly_apart():
    exact, found = curves("few-steps")
    assert found[0] > 100 * exact[0] and found[-1] < 3 * exact[-1]


@pytest.mark.parametrize("r, error, spread", [("0.5", 0.3840, 0.2362), ("0.1", 0.0981, 0.0570)])
def test_the_guided_masf_counts_twice(r, error, spread):
    _, errors = curves("counted-twice", r=float(r))
    exact, spreads = curves("counted-twice", 1, r=float(r))
    assert errors[5:].mean() == pytest.approx(error, rel=0.05)
    assert spreads[5:].mean() == pytest.approx(spread, rel=0.05)
    exact, spreads = curves("counted-twice", 1, r=float(r), sampler="bridge")
    assert spreads[5:].mean() == pytest.approx(exact[0], rel=0.07)


def test_lambda_is_a_gain_and_has_a_limit():
    exact, found = curves("lambda")
    assert found[0] < exact[0] < np.nanmax(found) and np.isnan(found[-1])
    q = 0.02 / 0.2**2
    assert found[0] == pytest.approx(1 - (1 - q / 20) ** 20, rel=0.02)


def test_inflation_grows_where_nothing_is_seen():
    _, found = curves("gaps", 1)
    assert found[-1] / found[0] == pytest.approx(1.1**29, rel=0.02)
    _, found = curves("gaps", 1, filter="etkf:members=40,inflation=1.0")
    assert found[-1] == pytest.approx(found[0], rel=0.01)
    exact, found = curves("gaps", 0, filter="etkf:members=40,inflation=1.0")
    assert np.abs(found / exact - 1).max() < 0.15


def test_bandwidths_widen_the_two_modes_and_few_members_lose_weight():
    exact, found = curves("bandwidths", 1, members=2000, h_min=0.02, h_y=0.02)
    assert exact[0] == pytest.approx(0.075, abs=1e-4) and found[-1] < found[2] < exact[0] + 0.01
    assert found[2] == pytest.approx(0.15 * 0.01 / 0.0225, abs=0.01), "h_y 0.05, R 0.01"
    exact, found = curves("bandwidths", 2, members=2000, h_min=0.1, weights="known")
    assert exact[0] == pytest.approx(0.0707, abs=1e-4)
    assert found == pytest.approx((0.005 + 0.01) ** 0.5 * np.ones(6), rel=0.03)
    _, found = curves("bandwidths", 0)
    assert found[360:].sum() / found.sum() == pytest.approx(0.5, abs=0.15), "both signs"


@pytest.mark.slow
def test_ensf_comes_back_after_a_shock_and_the_letkf_does_not():
    letkf, ensf = EXHIBITS["shocks"].charts(EXHIBITS["shocks"].start)[0].curves
    assert letkf.y[40] < ensf.y[40] < 0.15, "the LETKF is the better one before"
    assert ensf.y[-1] < 0.15 and letkf.y[-1] > 0.5


def test_a_setting_that_is_no_choice_is_refused():
    with pytest.raises(InputError, match="must be one of"):
        EXHIBITS["nudging"].charts({"r": 0.3})


def test_the_exact_answers_are_those_of_kalman():
    assert kalman(1.0, 0.5) == pytest.approx((0.8, 0.2**0.5))
    for r, spread in ((0.1, 0.00952**0.5), (0.5, 0.3694), (1.0, 0.30357**0.5)):
        assert steady_spread(AutoRegression(), r) == pytest.approx(spread, rel=1e-3)


def test_an_exact_filter_meets_them():
    method = make("etkf:members=100,inflation=1.0")
    mean, std = moments(analyse(method, quantiles(100), 0.5, 0.5))
    assert (mean, std) == pytest.approx((0.4, 0.2**0.5), rel=1e-6)
    found = cycle(method, AutoRegression(), 0.5, 20, truths=100)
    assert found.spread[-1, 0] == pytest.approx(0.3694, rel=0.03)
    assert found.rmse[5:].mean() == pytest.approx(0.3694, rel=0.06)


def test_members_at_quantiles_have_no_sampling_error():
    x = quantiles(50, 2.0, 1.0)
    assert moments(x) == pytest.approx((1.0, 2.0)) and x.dtype == torch.float64


def test_the_inversion_keeps_too_little_at_the_published_time_and_enough_later():
    exhibit, apart = EXHIBITS["inversion"], {}
    for t_min in (0.3, 0.55):
        distances = exhibit.charts({**exhibit.start, "t_min": t_min})[2]
        apart[t_min] = distances.curves[1].y[0]
    assert apart[0.3] > 4 * apart[0.55] and apart[0.55] < 0.06
    line = distances.curves[0]
    assert 0.45 < line.x[line.y.argmin()] < 0.65


def test_members_of_the_exhibit_follow_its_closed_form():
    """Two per cent are the bias of Euler's steps; the rest is noise of 400 members."""
    latents, analysis = ensembles(0.3, 0.03, 1.0, 0.3**0.5, 1.5)
    means, stds = closed_form(0.03, 1.0, 0.3**0.5, 1.5)
    assert moments(analysis) == pytest.approx((means[5], stds[5]), abs=0.02), "at t_min 0.3"
    mean, variance = gaussian_latent(1.0, 0.3, prior_variance=2.0, t_min=0.3)
    assert moments(latents) == pytest.approx((float(mean), float(variance) ** 0.5), rel=0.02)


def test_the_closed_form_of_the_exhibit_is_that_of_every_time():
    means, stds = closed_form(0.0, 1.0, 0.3**0.5, 1.5)
    at = int(np.abs(TIMES - 0.3).argmin())
    assert (means[at], stds[at] ** 2) == pytest.approx((1.391, 0.076), abs=1e-3), "as specified"
    one, variances = gaussian_analysis(
        1.0, 0.3, prior_variance=2.0, error_variance=0.5, data=1.5, t_min=float(TIMES[at])
    )
    assert (means[at], stds[at] ** 2) == pytest.approx((float(one), float(variances)))
