"""What cannot fit into memory is refused before it starts."""

from __future__ import annotations

import pytest

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.experiment import Experiment
from dalab.experiments.memory import COVARIANCES
from dalab.experiments.run import Run
from dalab.experiments.service import limits as memory

CONFIG = Config(methods=("sda", "oi"), prior="gaussian", device="cpu")
WINDOW = 4 * 9 * 2 * 64 * 64


def needed(**changes) -> int:
    return memory.member_bytes(Experiment.of(CONFIG.replace(**changes)))


def test_what_a_member_needs():
    assert needed() == (memory.WINDOWS + 2) * WINDOW
    assert needed(prior="qg64") == (memory.GUIDED + 2) * WINDOW
    assert needed(prior="qg64", methods=("spectral",)) == (memory.SAMPLED + 1) * WINDOW
    assert needed(prior="qg64", methods=("oi",)) == (memory.WINDOWS + 1) * WINDOW


def test_too_many_members_are_refused_with_the_number_that_fits(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 5 * needed() + 1)
    Run(CONFIG.replace(members=5))
    with pytest.raises(InputError) as refused:
        Run(CONFIG.replace(members=6))
    for words in ("members = 6", "of memory", "are free", "Use at most 5 members"):
        assert words in str(refused.value)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1000)
    with pytest.raises(InputError, match="Use a smaller grid"):
        Run(CONFIG)


def test_a_window_beyond_memory_is_refused_before_anything_is_made_for_it():
    ring = Config(system="lorenz96:d=1e7", operators="identity", masks="full", device="cpu")
    with pytest.raises(InputError, match="^window = 100000: needs about .* of memory.* free"):
        Experiment.of(ring.replace(window=100_000))


@pytest.mark.parametrize("window", [3_000_000, 10**13, 2**70, 10**400])
def test_a_window_of_any_other_length_is_no_window(window):
    with pytest.raises(InputError, match="^window = .*: must be a whole number .* at most 100000"):
        Config(window=window)


def test_a_window_whose_covariance_is_too_large_is_refused_with_the_longest_that_fits(monkeypatch):
    each = 8 * COVARIANCES * 64 * 33 * 2**2
    monkeypatch.setattr("dalab.experiments.memory.free_bytes", lambda device: 12**2 * each)
    with pytest.raises(InputError, match="window = 30: needs about .* Use at most 12 states"):
        Experiment.of(CONFIG.replace(window=30))
    assert Experiment.of(CONFIG.replace(window=9)).prior.window[0] == 9


def test_the_default_experiment_fits_here():
    Run(Config(device="cpu"))
