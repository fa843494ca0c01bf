"""Networks learn conditional means, and are tuned to the members of every repeat."""

from __future__ import annotations

import pytest
import torch

from dalab.errors import InputError
from dalab.methods.generative.masf.bridge import FIRST, LAST
from dalab.methods.generative.networks.fitting import Tuning, Weights, fit
from dalab.methods.generative.networks.network_score import (
    WEIGHTS,
    NetworkScore,
    linear_network_loss,
    over_times,
    per_state,
)
from dalab.methods.generative.networks.preconditioning import level_of, linear_mean
from dalab.methods.generative.networks.score_network import (
    Architecture,
    ScoreNetwork,
    architecture_for,
)
from dalab.random import TimeStreams, stream

from .gaussian_ring import BRIDGE, SHAPE, diffused, draws, exact_mean

SMALL = Architecture(widths=(16,), depths=(2,))
LOSS = over_times(linear_network_loss(BRIDGE), (FIRST, LAST))


@pytest.fixture(scope="module")
def trained() -> ScoreNetwork:
    network = ScoreNetwork(SHAPE, SMALL, BRIDGE.h)
    tuning = Tuning(epochs=6, batch=100, rate=6e-3)
    fit(network, LOSS, draws(1000, "training").float(), tuning, stream(0, "fit"))
    return network


@pytest.mark.parametrize("t", [0.7, 0.9, 0.98])
def test_a_network_learns_the_conditional_mean(trained, t):
    truth = draws(1000, "test")
    x = diffused(truth, t)
    at = torch.full((len(x), 1, 1, 1), t)
    with torch.no_grad():
        found = linear_mean(per_state(trained), x.float(), at, BRIDGE)
    error = (found - truth).square().mean().sqrt()
    least = (exact_mean(x, t) - truth).square().mean().sqrt()
    alone = BRIDGE.A(t) / (BRIDGE.A(t).square() + BRIDGE.Sigma(t)) * x
    without = (alone - truth).square().mean().sqrt()
    assert least < error < least + 0.35 * (without - least), "neighbours tell much of it"


def test_repeats_have_networks_of_their_own(trained):
    weights = Weights(trained)
    both = weights.initial((2,))
    members = draws(20, "members").float().view(2, 10, *SHAPE)
    tuned = weights.tuned(both, members, LOSS, Tuning(epochs=3), stream(0, "tuning"))
    assert not torch.equal(tuned[0], tuned[1])
    assert torch.equal(both, weights.initial((2,))), "the given weights stay"
    together = weights.estimator(tuned)(members, level_of(0.7))
    alone = weights.estimator(tuned[1])(members[1], level_of(0.7))
    assert together.shape == (2, 10, 1, *SHAPE)
    assert torch.equal(together[1], alone)


def test_tuning_fits_the_members_of_an_analysis(trained):
    """A few members lie about a mean of their own, which a network of the climate does not know."""
    members = 3 + 0.1 * draws(12, "members").float()
    weights = Weights(trained)
    start = weights.initial(())
    tuned = weights.tuned(start, members, LOSS, Tuning(epochs=50, rate=3e-3), stream(0, "tuning"))
    with torch.no_grad():
        before, after = (
            float(LOSS(weights.network_with(w), members.repeat(20, 1, 1, 1), stream(0, "loss")))
            for w in (start, tuned)
        )
    assert after < 0.5 * before


def test_the_first_analysis_takes_a_trained_network_as_it_is(trained):
    members = draws(12, "members").float()
    streams = TimeStreams(stream(0, "analysis"), 12)
    start = {WEIGHTS: Weights(trained).initial(())}
    for ready, first in ((True, True), (False, False)):
        score = NetworkScore(trained, Tuning(epochs=1), (FIRST, LAST), ready)
        _, carried = score.fit(members[None], BRIDGE, start, streams)
        assert torch.equal(carried[WEIGHTS][0], start[WEIGHTS]) == first
        _, later = score.fit(members[None], BRIDGE, carried, streams)
        assert not torch.equal(later[WEIGHTS], carried[WEIGHTS])


def test_without_epochs_the_network_stays(trained):
    score = NetworkScore(trained, Tuning(epochs=0), (FIRST, LAST))
    streams = TimeStreams(stream(0, "analysis"), 4)
    carried = {WEIGHTS: Weights(trained).initial((1,))}
    _, after = score.fit(draws(4, "members").float()[None], BRIDGE, carried, streams)
    assert torch.equal(after[WEIGHTS], carried[WEIGHTS])


def test_tuning_is_the_same_to_the_bit(trained):
    members = draws(6, "members").float()[None]

    def weights():
        score = NetworkScore(trained, Tuning(epochs=2), (FIRST, LAST), trained=False)
        streams = TimeStreams(stream(0, "analysis"), 6)
        return score.fit(members, BRIDGE, {WEIGHTS: Weights(trained).initial(())}, streams)[1]

    assert torch.equal(weights()[WEIGHTS], weights()[WEIGHTS])


@pytest.mark.parametrize("shape", [(1, 1, 40), (3, 1, 1), (2, 64, 64), (2, 32, 48), (1, 24, 24)])
def test_there_is_an_architecture_for_every_grid(shape):
    network = ScoreNetwork(shape, architecture_for(shape, 2))
    assert network(torch.zeros(2, *shape), torch.ones(2)).shape == (2, 2, *shape)


def test_a_grid_that_cannot_be_halved_is_refused():
    with pytest.raises(InputError, match="18, 18"):
        ScoreNetwork((1, 18, 18), Architecture())
