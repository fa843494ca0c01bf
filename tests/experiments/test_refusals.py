"""What cannot work is refused, and what sees nothing says so, before a run."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from dalab import cli
from dalab.errors import InputError
from dalab.experiments.experiment import Experiment


@pytest.mark.parametrize("system", ["lorenz63", "lorenz96", "kuramoto-sivashinsky"])
@pytest.mark.parametrize("method", ["kf", "rts"])
def test_methods_that_cannot_work_on_a_system_are_refused_before_the_run(system, method):
    whole = {"system": system, "operators": "identity", "masks": "full", "device": "cpu"}
    with pytest.raises(InputError, match=f"system = '{system}': must be linear"):
        Experiment.of(whole | {"methods": ["letkf", method]})
    with pytest.raises(InputError, match="operators = 'arctan': must be linear"):
        Experiment.of(whole | {"methods": method, "operators": "arctan", "system": "ring"})
    Experiment.of(whole | {"methods": method, "system": "ring"})
    done = CliRunner().invoke(cli.app, ["run", "--system", system, "--operator", "identity",
                                        "--mask", "full", "--method", method])
    assert done.exit_code == 2 and "must be linear" in done.stderr


@pytest.mark.parametrize("mask, words", [
    ("random:1e-9", "must keep at least one of the 40 cells"),
    ("stride:41", "must be at most 40, the longer side of the 1 x 40 grid"),
    ("gap:size=1,x=0", "must see at least one cell of the grid"),
])
def test_masks_that_see_nothing_are_refused(mask, words):
    with pytest.raises(InputError, match=words):
        Experiment.of({"system": "ring", "operators": "identity", "masks": mask, "device": "cpu"})


@pytest.mark.parametrize("fields", [
    {"masks": "points:[]"}, {"masks": "painted"},
    {"cycles": 20, "gaps": "1-12,13-20", "methods": "etkf"},
    {"cycles": 20, "missing": 0.999, "methods": "etkf"},
])
def test_an_experiment_without_observations_says_so_before_the_run(fields):
    made = Experiment.of({"system": "ring", "operators": "identity", "device": "cpu",
                          "masks": "full", **fields})
    assert made.notice.startswith("There are no observations")
