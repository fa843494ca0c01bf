"""Start of a cycled experiment from given states."""

from __future__ import annotations

import pytest
import torch
import xarray as xr

import dalab
from dalab.errors import InputError
from dalab.experiments.cycles.twin import CycledTwin
from dalab.experiments.experiment import Experiment
from dalab.experiments.schedule import Schedule
from dalab.observations.operators import Identity
from dalab.systems import SYSTEMS

CONFIG = dalab.Config(
    system="lorenz96", cycles=3, repeats=4, methods=["etkf:members=6", "var3d"],
    operators=["identity"], masks=["full"],
)


@pytest.fixture(scope="module")
def states():
    system = SYSTEMS.make("lorenz96")
    return system.sample_climate(9, torch.Generator().manual_seed(5))


@pytest.fixture
def path(states, tmp_path):
    system = SYSTEMS.make("lorenz96")
    q = xr.DataArray(system.physical(states).numpy(), dims=("time", "lev", "y", "x"))
    q.to_dataset(name="q").to_netcdf(tmp_path / "states.nc")
    return str(tmp_path / "states.nc")


def members_at_start(experiment, count):
    twin = CycledTwin(experiment)
    return twin.ensemble(twin.start(), count, "any")


def test_members_are_states_of_the_file_each_once(path, states):
    x = members_at_start(Experiment.of(CONFIG.replace(start=path)), 6)
    assert x.shape == (4, 6, 1, 1, 40)
    distance = (x[:, :, None] - states).abs().amax((-3, -2, -1))  # repeat, member, state
    assert distance.amin(-1).max() < 1e-5
    drawn = distance.argmin(-1)
    assert all(len(set(row)) == 6 for row in drawn.tolist())
    assert len({tuple(row) for row in drawn.tolist()}) == 4, "repeats draw on their own"


def test_a_single_member_starts_from_their_mean(path, states):
    x = members_at_start(Experiment.of(CONFIG.replace(start=path)), 1)
    torch.testing.assert_close(x, states.mean(0).expand(4, 1, 1, 1, 40), atol=1e-5, rtol=0)


def test_own_states_are_a_start_too(states):
    made = dalab.Experiment(
        system=SYSTEMS.make("lorenz96"), methods=dalab.methods.METHODS.make("etkf:members=9"),
        network=dalab.network(Identity(), noise=0.5), schedule=Schedule(cycles=2), start=states,
    )
    assert "start" in made.own
    torch.testing.assert_close(members_at_start(made, 9)[0].sort(0)[0], states.sort(0)[0])


def test_a_run_from_a_file_completes(path):
    table = dalab.table(dalab.execute(CONFIG.replace(start=path)))
    assert list(table["status"]) == ["complete", "complete"]


@pytest.mark.parametrize(("changes", "message"), [
    ({"methods": ["etkf:members=10"]}, "must be at least 10, one for each member"),
    ({"background": 0.1}, "must be left out with states to start from"),
    ({"start": "nowhere.nc"}, "start = 'nowhere.nc': must exist"),
    ({"system": "lorenz63"}, "grid of q"),
    ({"cycles": None, "repeats": 1}, "start = .*: is for cycled experiments only"),
])
def test_a_start_that_cannot_work_is_refused(path, changes, message):
    with pytest.raises(InputError, match=message):
        Experiment.of(CONFIG.replace(**{"start": path, **changes}))


# --- white noise ----------------------------------------------------------------------------------


def test_members_are_white_noise_in_the_units_of_the_equations():
    config = CONFIG.replace(start="normal:mean=2,std=0.5", methods=["etkf:members=500"])
    made = Experiment.of(config)
    x = members_at_start(made, 500)
    q = made.system.physical(x)
    assert x.shape == (4, 500, 1, 1, 40) and x.dtype == torch.float64
    assert float(q.mean()) == pytest.approx(2, abs=0.01)
    assert float(q.std()) == pytest.approx(0.5, abs=0.01)
    assert float((q[0] - q[1]).std()) == pytest.approx(0.5 * 2**0.5, abs=0.02), "of every repeat"
    assert torch.equal(x, members_at_start(made, 500))


def test_it_is_of_zero_mean_and_unit_variance_by_default():
    made = Experiment.of(CONFIG.replace(start="normal"))
    q = made.system.physical(members_at_start(made, 6))
    assert abs(float(q.mean())) < 0.15 and float(q.std()) == pytest.approx(1, abs=0.1)


def test_a_single_member_starts_from_the_mean_of_the_noise():
    made = Experiment.of(CONFIG.replace(start="normal:mean=2"))
    torch.testing.assert_close(
        made.system.physical(members_at_start(made, 1)), torch.full((4, 1, 1, 1, 40), 2.0).double()
    )


@pytest.mark.parametrize(("changes", "message"), [
    ({"start": "normal:std=-1"}, "start normal std = -1"),
    ({"start": "normal:width=1"}, "start normal option = 'width'"),
    ({"background": 0.1}, "must be left out with states to start from"),
])
def test_noise_that_cannot_be_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        Experiment.of(CONFIG.replace(**{"start": "normal", **changes}))
