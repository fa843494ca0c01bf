"""The shipped states, and how they are made."""

import numpy as np
import pytest
import torch

from dalab.errors import InputError
from dalab.systems import SYSTEMS, QGSystem, SurfaceQG, TwoLayerQG, qg64
from dalab.systems.library import library_names, load_states, save_states
from dalab.systems.spinup import (
    check_spun_up,
    integrate,
    make_library,
    refine,
    spin_up,
    successive_states,
    upsample,
)


@pytest.fixture
def small():
    return QGSystem(name="small", model=TwoLayerQG(nx=16, dt=14400.0), std=(8e-6, 1e-6))


@pytest.mark.parametrize(
    "name, shape", [("qg64", (64, 2, 64, 64)), ("qg64-fine", (16, 2, 128, 128))]
)
def test_shipped_states_are_developed_turbulence(name, shape):
    states = load_states(name)
    assert states.shape == shape
    assert states.dtype == torch.float32
    assert states.isfinite().all()
    # twice the resolution holds some more enstrophy in the same normalisation
    assert ((states.pow(2).mean((0, 2, 3)).sqrt() - 1).abs() < 0.15).all()
    means = states.mean((-2, -1))
    assert ((means[:, 0] * 8.19e-6 - 5.5e-7).abs() < 1.5e-7).all()
    assert (means[:, 1].abs() < 1e-3).all()


def test_shipped_states_differ():
    states = load_states("qg64").flatten(1)
    overlap = torch.corrcoef(states) - torch.eye(len(states))
    assert overlap.abs().max() < 0.7


def test_unknown_library_names_the_known_ones():
    with pytest.raises(InputError, match="'nowhere': must be one of qg256, qg64, qg64-fine, sqg64"):
        load_states("nowhere")
    assert library_names() == ["qg256", "qg64", "qg64-fine", "sqg64"]


def test_states_survive_a_file(tmp_path, monkeypatch):
    states = torch.randn(3, 2, 8, 8)
    monkeypatch.setattr("dalab.systems.library.DATA", tmp_path)
    save_states("mine", states, tmp_path)
    torch.testing.assert_close(load_states("mine"), states, rtol=1e-3, atol=1e-6)


def test_initial_noise_is_that_of_the_paper(small):
    q = small.initial_states(3, 0) * small.scale.float()
    assert (q[:, 1] == 0).all()
    assert q[:, 0].min() >= 0 and q[:, 0].max() <= 1.1e-6
    assert q[:, 0].std(-2).max() < 0.6e-7 < q[:, 0].mean(-2).std(-1).min()
    torch.testing.assert_close(small.initial_states(2, 0), small.initial_states(3, 0)[:2])
    assert not torch.equal(small.initial_states(1, 0), small.initial_states(1, 1))


def test_daily_states_and_progress(small):
    told = []
    x = small.initial_states(2, 0)
    days = list(successive_states(small, x, 3, lambda done, total: told.append((done, total))))
    assert told == [(1, 3), (2, 3), (3, 3)]
    expected = small.trajectory(x, 4)
    for day, state in enumerate(days, start=1):
        torch.testing.assert_close(state, expected[:, day])
    assert torch.equal(integrate(small, x, 3), days[-1])
    assert torch.equal(spin_up(small, 2, 3, seed=0), days[-1])


def test_upsampling_interpolates_at_the_finer_centres():
    coarse, fine = ((torch.arange(n, dtype=torch.float64) + 0.5) / n for n in (16, 32))

    def field(s):
        tau = 2 * torch.pi
        return 1 + torch.cos(tau * 3 * s)[None, :] + torch.sin(tau * (5 * s[:, None] - s[None, :]))

    torch.testing.assert_close(upsample(field(coarse)), field(fine))


def test_refinement_halves_cells_and_time_step():
    system = qg64()
    finer = refine(system)
    assert finer.shape == (2, 128, 128)
    assert finer.model.dt == system.model.dt / 2
    assert finer.steps_per_interval == 2 * system.steps_per_interval
    assert (finer.scale == system.scale).all()


def test_a_library_of_a_flow_without_a_finer_one(tmp_path):
    """States at the end of every stretch after the spin-up."""
    system = SurfaceQG(size=8, dt=3600.0, diffusion=86400.0)
    (path,) = make_library(
        system, trajectories=2, each=3, apart=2, spinup=2, seed=1, folder=tmp_path
    )
    states = np.load(path)["states"]
    later = integrate(system, system.initial_states(2, 1), 4)
    assert states.shape == (6, 2, 8, 8) and path.stem == system.name
    np.testing.assert_allclose(states[:2], later, rtol=1e-3, atol=1e-4)


def test_systems_that_draw_their_climate_have_no_spin_up():
    with pytest.raises(InputError, match="'lorenz96': must have initial states and a spin-up"):
        check_spun_up(SYSTEMS.make("lorenz96"))
    for name in ("qg64", "sqg64"):
        assert check_spun_up(SYSTEMS.make(name)).spinup in (1825, 2400)


def test_a_library_from_nothing(small, tmp_path):
    paths = make_library(
        small, trajectories=2, each=3, apart=2, fine=4, fine_days=1, spinup=2, folder=tmp_path
    )
    assert [path.name for path in paths] == ["small.npz", "small-fine.npz"]
    assert sum(path.stat().st_size for path in paths) > 0
