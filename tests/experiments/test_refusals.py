"""What cannot work is refused, and what sees nothing says so, before a run."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from typer.testing import CliRunner

from dalab import cli
from dalab.errors import InputError
from dalab.experiments.description import describe
from dalab.experiments.experiment import Experiment
from dalab.experiments.twin import prepare
from dalab.methods import METHODS
from dalab.observations.design import network
from dalab.observations.operators import Arctan, Identity
from dalab.priors import loading
from dalab.systems import SYSTEMS, ring


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


@pytest.mark.parametrize("part, value, words", [
    ("system", "lorenz96", "dalab.System"), ("network", Arctan(), "design of a network"),
    ("prior", 3, "dalab.Prior"), ("prior", "gausian", "Did you mean 'gaussian'"),
    ("truth", 3, "name, the path of a file, or a tensor"), ("truth", "a" * 5000, "one of model"),
    ("truth", "pyqg", "simulates two-layer flow, not ring"), ("start", 0.5, "path of a file"),
    ("schedule", 10, "a Schedule"), ("device", 0, "name of a device"),
    ("methods", 3, "dalab.Method"), ("methods", "letkf", "dalab.Method"), ("methods", [], "least"),
    ("members", True, "whole number"), ("window", 3.5, "whole number"), ("seed", 2**64, "at most"),
    ("repeats", None, "whole number"), ("background", "0.1", "must be a number"),
])
def test_parts_of_other_kinds_are_refused(part, value, words):
    parts = {"system": ring(), "network": network(Identity()), "device": "cpu",
             "methods": METHODS.make("etkf")}
    made = Experiment(**parts, members=np.int64(3), prior="gaussian")
    assert made.members == 3 and made.config.prior == "gaussian" and made.prior.window[0] == 9
    with pytest.raises(InputError, match=words):
        Experiment(**parts | {part: value})


@pytest.mark.parametrize("text", [
    "lorenz96:dt=5e-324", "lorenz63:dt=1e-9", "kuramoto-sivashinsky:dt=1e-300", "qg64:dt=5e-324",
])
def test_an_interval_has_so_many_time_steps_at_most(text):
    with pytest.raises(InputError, match="time step dt = .*must"):
        SYSTEMS.make(text)


def test_a_prior_that_is_estimated_is_made_when_it_is_needed(monkeypatch):
    asked = []
    estimate = loading.estimate_gaussian
    monkeypatch.setattr(loading, "estimate_gaussian", lambda s: asked.append(s) or estimate(s))
    fields = {"system": "ring:d=12", "operators": "identity", "masks": "full", "device": "cpu",
              "methods": ["spectral", "soad"], "prior": "gaussian"}
    made = Experiment.of(fields)
    with pytest.raises(InputError, match=r"prior gaussian = \(9, 1, 1, 12\)"):
        Experiment.of(fields | {"window": 5})
    assert Experiment.of(fields | {"window": 20}).window == 20 and not asked
    twin = prepare(made)
    assert twin.problem.prior is made.prior and len(asked) == 1
    assert describe(made)[0] == made.config


def test_refusals_go_from_one_process_to_another():
    error = pickle.loads(pickle.dumps(InputError("noise", 0.0, "must be above 0", "Use 0.1.")))
    assert str(error) == "noise = 0.0: must be above 0. Use 0.1." and error.value == 0.0
