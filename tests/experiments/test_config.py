"""Configs: plain data and back, files, and every check before any work."""

from __future__ import annotations

import json

import pytest

from dalab.errors import InputError
from dalab.experiments.config import Config, unique_labels
from dalab.experiments.config_file import load_config
from dalab.experiments.device import choose_device
from dalab.experiments.experiment import Experiment
from dalab.experiments.from_config import make_method
from dalab.observations import OPERATORS
from dalab.observations.operators import Velocity
from dalab.systems import SYSTEMS

FULL = Config(
    truth="pyqg", operators=("arctan", "velocity:form=physical"), masks=("full", "stride:4"),
    interval=2, noise=0.2, noise_family="lognormal:0.5", assumed_noise=0.1, background=0.1,
    background_kind="forecast", methods=("spectral:eta=0.5", "oi"), members=3, steps=7, seed=4,
    device="cpu",
)


@pytest.mark.parametrize("config", [Config(), FULL])
def test_plain_data_and_back(config):
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert Config.from_json(config.to_json()) == config
    assert hash(config) == hash(Config.from_json(config.to_json()))


def test_booleans_of_options_have_one_text_and_one_hash():
    texts = ["etkf:rotation=True,inflation=1.1", "etkf:rotation=true,inflation=1.1",
             "etkf:rotation=TRUE,inflation=1.1"]
    configs = [Config(methods=[text]) for text in texts]
    assert {config.methods for config in configs} == {(texts[0],)}
    assert {config.hash() for config in configs} == {configs[0].hash()}
    assert Config(methods=["spectral:draws= False"]).methods == ("spectral:draws= False",)
    assert Config(truth="runs/rotation=true").truth == "runs/rotation=true", "a path is a path"


def test_the_hash_tells_experiments_apart():
    assert Config().hash() == Config().hash() and len(Config().hash()) == 12
    assert Config().hash() != Config(seed=1).hash() != FULL.hash()


def test_one_text_or_a_list_stand_for_a_tuple():
    config = Config(operators="arctan", masks=["full"])
    assert config.operators == ("arctan",) and config.masks == ("full",)


def test_replace_keeps_the_rest():
    assert FULL.replace(seed=9).to_dict() == {**FULL.to_dict(), "seed": 9}


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_reads_yaml_and_json(tmp_path, suffix):
    path = tmp_path / f"experiment.{suffix}"
    path.write_text(FULL.to_json() if suffix == "json" else "operators: arctan\nmasks: [full]\n")
    assert load_config(path) == (FULL if suffix == "json" else Config(masks="full"))


def test_an_empty_file_is_the_default_experiment(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load_config(tmp_path / "empty.yaml") == Config()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("operator: arctan", "Did you mean 'operators'?"),
        ("masks:", "masks = None: must be a text or a list of texts"),
        ("- arctan", "must hold 'field: value' lines"),
        ("a: [b", "must be YAML"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path, text, said):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_config(tmp_path / "bad.yaml")
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_says_that_a_file_is_missing(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_config(tmp_path / "none.yaml")


@pytest.mark.parametrize("config", [Config(), FULL, Config(masks="points:[(3,5),(10,7)]")])
def test_accepts_what_works(config):
    Experiment.of(config)


@pytest.mark.parametrize(
    ("change", "value", "bound", "remedy"),
    [
        ({"masks": "random:0"}, "ratio = 0", "above 0.0 and at most 1.0", "default is 0.25"),
        ({"masks": "random:1.5"}, "ratio = 1.5", "at most 1.0", "default is 0.25"),
        ({"noise": 0.0}, "noise = 0.0", "at least 1e-06", "Use 0.1"),
        ({"noise": -1}, "noise = -1", "at least 1e-06", "Use 0.1"),
        ({"noise": float("nan")}, "noise = nan", "at most 1000000.0", "Use 0.1"),
        ({"noise": 1e-300}, "noise = 1e-300", "at least 1e-06", "Use 0.1"),
        ({"noise": 1e39}, "noise = 1e+39", "at most 1000000.0", "Use 0.1"),
        ({"noise": "much"}, "noise = 'much'", "must be a number", "Use 0.1"),
        ({"assumed_noise": 0}, "assumed noise = 0", "at least 1e-06", "Leave it out"),
        ({"background": 0.0}, "background = 0.0", "at least 1e-06", "leave it out"),
        ({"background_kind": "forcast"}, "'forcast'", "perturbed, forecast", "'forecast'"),
        ({"interval": 10}, "interval = 10", "shorter than the window of 9", "Use 1"),
        ({"interval": 0}, "interval = 0", "at least 1", "Use 1"),
        ({"members": 0}, "members = 0", "at least 1", "Use 8"),
        ({"members": 2.5}, "members = 2.5", "whole number", "Use 8"),
        ({"members": True}, "members = True", "whole number", "Use 8"),
        ({"steps": 1}, "steps = 1", "at least 2", "Leave it out"),
        ({"methods": "spectral:steps=1"}, "steps = 1", "at least 2", "default is 24"),
        ({"steps": 10**6}, "steps = 1000000", "at most 1000", "default is 24"),
        ({"operators": "arctn"}, "'arctn'", "one of identity", "Did you mean 'arctan'?"),
        ({"operators": "velocity:form=x"}, "form = 'x'", "reference, physical", "default"),
        ({"operators": []}, "operators = []", "at least one", "Add arctan"),
        ({"operators": [3]}, "operators = 3", "must be text", "quotes"),
        ({"masks": ("full", "full")}, "masks", "one for each of the 1", "Give one mask"),
        ({"masks": "points:[(64,1)]"}, "(64, 1)", "0 to 63", "Remove it"),
        ({"methods": ()}, "methods = []", "at least one", "Add spectral"),
        ({"methods": "spectrl"}, "'spectrl'", "one of spectral", "'spectral'"),
        (
            {"prior": "gausian"}, "'gausian'",
            "one of auto, qg256, qg256-fine, qg64, lorenz63-daisi-state", "'gaussian'",
        ),
        ({"system": "qg65"}, "'qg65'", "one of qg64", "'qg64'"),
        ({"truth": "pyqgg"}, "'pyqgg'", "one of model", "'pyqg'"),
        ({"truth": "none.nc"}, "'none.nc'", "existing NetCDF", "Check the path"),
        ({"window": 5}, "(9, 2, 64, 64)", "(5, 2, 64, 64)", "Choose the prior"),
        ({"noise_family": "lognormal:9"}, "shape = 9", "at most 2.0", "default is 0.5"),
        ({"seed": -1}, "seed = -1", "at least 0", "Use 0"),
        ({"device": "gpu"}, "'gpu'", "auto, cpu, cuda", "Use auto"),
        ({"device": "cuda:77"}, "'cuda:77'", "must be a CUDA GPU", "Use cpu"),
    ],
)
def test_refuses_before_any_work_and_says_value_bound_and_remedy(change, value, bound, remedy):
    with pytest.raises(InputError) as caught:
        Experiment.of(Config(**change))
    said = str(caught.value)
    assert value in said and bound in said and remedy in said
    assert "\n" not in said


def test_cuda_without_cuda(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="sees none. Use cpu or auto."):
        choose_device("cuda")
    assert choose_device("auto").type == "cpu"


def test_an_operator_is_built_with_its_system():
    system = SYSTEMS.make("qg64")
    operator = OPERATORS.make("velocity:form=physical", system)
    assert isinstance(operator, Velocity) and operator.form == "physical"
    assert operator.system == system and operator.channels == ("u1", "u2", "v1", "v2")


@pytest.mark.parametrize(
    ("text", "steps"),
    [("spectral", 7), ("spectral:eta=0.5", 7), ("spectral:12", 12), ("sda:eta=0,steps=13", 13)],
)
def test_steps_are_those_of_the_text_or_else_of_the_config(text, steps):
    assert make_method(text, 7).steps == steps


def test_a_method_without_steps_has_none():
    assert not hasattr(make_method("oi", 7), "steps")


def test_labels_are_registry_names_made_unique():
    texts = ["spectral", "oi", "spectral:eta=0", "spectral:steps=9"]
    assert unique_labels(texts) == ("spectral", "oi", "spectral-2", "spectral-3")
