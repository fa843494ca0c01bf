"""Methods of a user's own: `iterate` alone makes one, and its mistakes are named."""

from __future__ import annotations

import pytest
import torch

from dalab.errors import InputError
from dalab.methods import Method, Step
from dalab.random import stream
from tests.methods.worlds import problem


class Draws(Method):
    """Draws of the prior, the shortest method there is."""

    def iterate(self, problem, streams):
        yield Step(problem.prior.sample_climatology(streams), 1, 1)


@pytest.fixture
def small(tiny_system, tiny_prior):
    return problem(tiny_system, tiny_prior)


def first_step(steps, problem, members=3):
    """First step of a method whose `iterate` returns ``steps``."""

    class Mistaken(Method):
        def iterate(self, problem, streams):
            return steps

    return next(Mistaken().run(problem, members, stream(0)))


def test_iterate_is_all_that_a_method_needs(small):
    (step,) = Draws().run(small, 3, stream(0))
    assert step.estimate.shape == (3, *small.window) and step.seconds > 0
    assert Draws.family == "Others"


@pytest.mark.parametrize("steps, kind", [
    (None, "NoneType"), ([torch.zeros(2)], "Tensor"), (iter([None]), "NoneType"),
    (iter([Step(None, 1, 1)]), "Step"), (3, "int"),
])
def test_what_is_no_step_is_refused(small, steps, kind):
    with pytest.raises(InputError, match=f"iterate of Mistaken = '{kind}': must yield Step obj"):
        first_step(steps, small)


@pytest.mark.parametrize("shape", [(), (3,), (2, 4, 2, 8, 8), (4, 2, 8, 8), (3, 4, 2, 8, 9)])
def test_an_estimate_of_another_shape_is_refused(small, shape):
    wanted = (3, *small.window)
    with pytest.raises(InputError) as refused:
        first_step(iter([Step(torch.zeros(shape), 1, 1)]), small)
    message = str(refused.value)
    assert f"shape of an estimate of Mistaken = {shape}: must be" in message
    assert f"(members, time, lev, y, x) = {wanted}" in message


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_first_estimate_has_to_be_finite_and_later_ones_may_diverge(small, bad):
    good = torch.zeros(3, *small.window)
    diverged = torch.full_like(good, bad)
    with pytest.raises(InputError, match="first estimate of Mistaken = .*must be finite"):
        first_step(iter([Step(diverged, 1, 1)]), small)

    class Diverging(Method):
        def iterate(self, problem, streams):
            yield Step(good, 1, 2)
            yield Step(diverged, 2, 2)

    assert len(list(Diverging().run(small, 3, stream(0)))) == 2


def test_a_later_estimate_of_another_shape_is_refused_too(small):
    class Shrinking(Method):
        def iterate(self, problem, streams):
            yield Step(torch.zeros(2, *small.window), 1, 2)
            yield Step(torch.zeros(1, *small.window), 2, 2)

    run = Shrinking().run(small, 2, stream(0))
    next(run)
    with pytest.raises(InputError, match="shape of an estimate of Shrinking"):
        next(run)
