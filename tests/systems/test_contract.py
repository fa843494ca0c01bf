"""The contract of systems, for every system of the registry."""

from __future__ import annotations

import pytest
import torch

from dalab.random import stream
from dalab.systems import SYSTEMS, System

SLOW = {"qg256": pytest.mark.slow, "sqg64": pytest.mark.slow}


@pytest.fixture(params=[pytest.param(name, marks=SLOW.get(name, ())) for name in SYSTEMS])
def system(request) -> System:
    return SYSTEMS[request.param]()


@pytest.fixture
def states(system) -> torch.Tensor:
    """Two states near the climate, float64."""
    return torch.randn(2, *system.shape, generator=stream(0), dtype=torch.float64)


def test_it_is_a_checked_hashable_system(system):
    system.check()
    again = SYSTEMS[system.name]()
    assert isinstance(system, System) and system == again and hash(system) == hash(again)


def test_steps_keep_the_shape_and_do_not_mix_the_batch(system, states):
    ahead = system.step(states)
    assert ahead.shape == states.shape and ahead.dtype == states.dtype
    torch.testing.assert_close(system.step(states[1]), ahead[1], rtol=1e-9, atol=1e-9)


def test_a_trajectory_begins_with_its_first_state_and_is_of_the_length_wanted(system, states):
    path = system.trajectory(states, 3)
    assert path.shape == (2, 3, *system.shape)
    torch.testing.assert_close(path[:, 0], states)
    torch.testing.assert_close(path[:, 1], system.step(states), rtol=1e-9, atol=1e-9)


def test_steps_are_differentiable(system, states):
    v = torch.randn(states.shape, generator=stream(1), dtype=torch.float64)
    _, slope = torch.func.jvp(system.step, (states,), (v,))
    h = 1e-6
    difference = (system.step(states + h * v) - system.step(states - h * v)) / (2 * h)
    torch.testing.assert_close(slope, difference, rtol=1e-4, atol=1e-4)


def test_draws_of_the_climate_are_states_that_the_stream_decides(system):
    x = system.sample_climate(2, stream(3))
    assert x.shape == (2, *system.shape) and x.dtype == torch.float64 and x.isfinite().all()
    assert torch.equal(x, system.sample_climate(2, stream(3)))
    assert not torch.allclose(x[0], x[1], atol=0.1)


def test_it_describes_its_space_time_and_fields(system):
    lengths = {name: len(values) for name, values in system.coords().items()}
    assert lengths == dict(zip(system.dims, system.shape, strict=True))
    assert set(system.cf_attributes) == {"time", *system.dims}
    assert len(set(system.variables)) == system.shape[0]
    assert system.geometry in ("plane", "ring", "point")
    fields = {q(system, torch.zeros(2, *system.shape).numpy()).shape
              for q in system.quantities.values()}
    assert fields == {(2, *system.shape)}
