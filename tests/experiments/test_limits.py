"""What one run may ask for."""

from __future__ import annotations

import math

import pytest

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.experiment import Experiment
from dalab.experiments.service.limits import Limits, window_size

CONFIG = Config(methods=("spectral", "oi"), members=8)
SIZE = 9 * 2 * 64 * 64


@pytest.fixture(scope="module")
def experiment():
    return Experiment.of(CONFIG)


def test_no_limits_by_default():
    assert set(vars(Limits()).values()) == {math.inf}
    Limits().check(Experiment.of(CONFIG.replace(members=10**5, methods="spectral")))
    assert Limits().time_limit_message(1e9) is None


def test_the_size_of_a_run(experiment):
    assert window_size(experiment) == SIZE
    Limits(size=16 * SIZE).check(experiment)
    with pytest.raises(InputError) as refused:
        Limits(size=16 * SIZE - 1).check(experiment)
    assert str(refused.value) == (
        f"grid x window x members x methods = {16 * SIZE}: must be at most {16 * SIZE - 1} here. "
        "Use 7 members, or fewer methods."
    )
    with pytest.raises(InputError, match="Use a smaller grid"):
        Limits(size=10).check(experiment)


def test_the_time_of_a_run():
    assert Limits(seconds=60).time_limit_message(60) is None
    message = Limits(seconds=60).time_limit_message(61.2)
    assert message.startswith("seconds of a run = 61: must be at most 60")


def test_limits_of_the_environment():
    given = {"DALAB_MAX_SECONDS": "60", "DALAB_MAX_SIZE": "1e8", "DALAB_MAX_RUNS": ""}
    assert Limits.of_environment(given) == Limits(seconds=60, size=1e8)


@pytest.mark.parametrize("text, words", [
    ("many", "must be a number above 0. Unset it"), ("0", "must be above 0. Leave it out"),
    ("-3", "must be above 0"), ("nan", "must be above 0"),
])
def test_limits_that_make_no_sense_are_refused(text, words):
    with pytest.raises(InputError, match=words):
        Limits.of_environment({"DALAB_MAX_RUNS": text})
