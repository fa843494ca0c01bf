"""Twin experiments: independent random choices, one problem for all methods."""

from __future__ import annotations

import pytest
import torch

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.from_config import make_methods
from dalab.experiments.twin import prepare
from dalab.priors.loading import load_prior

TWO = Config(operators=("arctan", "velocity"), masks=("random:0.1", "stride:8"), device="cpu")


@pytest.fixture(scope="module")
def twin():
    return prepare(TWO)


def test_observes_the_truth(twin):
    network = twin.problem.network
    assert twin.truth.shape == (9, 2, 64, 64) and twin.truth.dtype == torch.float32
    errors = network.split(twin.problem.data - network.apply(twin.truth))
    assert [len(e) for e in errors] == [9 * 2 * 409, 9 * 4 * 64]
    for error in errors:
        assert error.std() == pytest.approx(0.1, rel=0.05)


def test_the_problem_does_not_hold_the_truth(twin):
    assert twin.problem.background is None
    assert twin.problem.data.shape == (twin.problem.network.size,)
    assert not hasattr(twin.problem, "truth")


def test_is_the_same_every_time(twin):
    again = prepare(TWO)
    assert torch.equal(again.truth, twin.truth)
    assert torch.equal(again.problem.data, twin.problem.data)


def test_another_seed_is_another_flow(twin):
    assert not torch.allclose(prepare(TWO.replace(seed=1)).truth, twin.truth, atol=0.1)


def test_a_change_to_one_instrument_leaves_the_truth_and_the_other_alone(twin):
    other = prepare(TWO.replace(masks=("full", "stride:8")))
    assert torch.equal(other.truth, twin.truth)
    ours, theirs = (t.problem.network.split(t.problem.data)[1] for t in (twin, other))
    assert torch.equal(ours, theirs)


def test_instruments_with_the_same_mask_look_elsewhere():
    twin = prepare(TWO.replace(masks="random:0.1"))
    first, second = (i.mask for i in twin.problem.network.instruments)
    assert first.sum() == second.sum() and not torch.equal(first, second)


def test_methods_may_believe_another_noise():
    network = prepare(TWO.replace(noise=0.3, assumed_noise=0.1)).problem.network
    assert network.variance().unique().tolist() == pytest.approx([0.01])


def test_a_perturbed_background_has_white_error_of_its_std():
    twin = prepare(TWO.replace(background=0.2))
    error = twin.problem.background.state - twin.truth[0]
    assert twin.problem.background.std == 0.2
    assert error.std() == pytest.approx(0.2, rel=0.03) and abs(error.mean()) < 0.01


def test_a_forecast_background_comes_from_the_day_before():
    twin = prepare(TWO.replace(background=0.1, background_kind="forecast"))
    error = twin.problem.background.state - twin.truth[0]
    assert twin.truth.shape[0] == 9 and twin.problem.background.std == 0.1
    assert 1e-3 < error.std() < 0.05


def test_the_shared_prior_is_not_copied_on_the_cpu(twin):
    assert twin.problem.prior is load_prior(twin.config.prior, twin.system)


def test_refuses_what_cannot_work():
    with pytest.raises(InputError, match="members = 0"):
        prepare(TWO.replace(members=0))


def test_makes_the_methods_by_label():
    made = make_methods(Config(methods=("spectral:eta=0", "oi", "spectral"), steps=5))
    assert list(made) == ["spectral", "oi", "spectral-2"]
    assert (made["spectral"].eta, made["spectral"].steps, made["spectral-2"].eta) == (0, 5, 1)
