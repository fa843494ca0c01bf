"""Links, scripts and commands: every one gives back the experiment it was made from."""

from urllib.parse import parse_qs

import numpy as np
import pytest

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.results.store import load
from dalab.views.model.config_text import DEFAULT_CONFIG, command, difference, query, read, script
from dalab.views.model.lab import LabModel
from dalab.views.model.url import LINKED_PARAMETERS, default_config, link_query, model_from_url
from dalab.views.render.html import status_html

from .conftest import QUICK, end, settle

RICH = Config(
    operators=("velocity:form=physical", "arctan"), masks=("points:sensors=[(1, 2), (30, 41)]",),
    interval=2, noise=0.0625, noise_family="lognormal:sigma=0.5", assumed_noise=0.2,
    background=0.3, background_kind="forecast", methods=("oi", "spectral:eta=0.5"), members=3,
    steps=7, seed=11, device="cpu", prior="gaussian",
)


@pytest.mark.parametrize(
    "config", [DEFAULT_CONFIG, RICH, Config(window=5), Config(truth="a b&c=d#%.nc")]
)
def test_a_link_gives_the_config_back(config):
    text = query(config, {"time": 3, "view": "error"}, DEFAULT_CONFIG)
    assert text.isascii() and " " not in text and "#" not in text
    back, display = read(parse_qs(text), DEFAULT_CONFIG, LINKED_PARAMETERS)
    assert back == config and display == {"time": "3", "view": "error"}


def test_a_link_says_only_what_differs_and_says_it_plainly():
    assert query(DEFAULT_CONFIG, {}, DEFAULT_CONFIG) == ""
    config = DEFAULT_CONFIG.replace(noise=0.2, operators=("arctan", "velocity:form=physical"))
    expected = "operators=arctan&operators=velocity:form=physical&noise=0.2"
    assert query(config, {}, DEFAULT_CONFIG) == expected


def test_a_link_may_take_back_what_the_page_presets():
    base = DEFAULT_CONFIG.replace(assumed_noise=0.4, members=3)
    back, _ = read(parse_qs(query(DEFAULT_CONFIG, {}, base)), base, LINKED_PARAMETERS)
    assert back == DEFAULT_CONFIG


@pytest.mark.parametrize("text, words", [
    ("noize=0.2", ["noize", "noise"]), ("noise=much", ["noise", "much", "number"]),
    ("members=2.5", ["members", "2.5", "whole number"]), ("methods=" + "x" * 100_001, ["100000"]),
])
def test_a_link_that_means_nothing_is_refused(text, words):
    with pytest.raises(InputError) as error:
        read(parse_qs(text), DEFAULT_CONFIG, LINKED_PARAMETERS)
    for word in words:
        assert word in str(error.value)


def test_names_of_others_in_the_address_are_left_alone():
    foreign = {"theme": ["dark"], "bokeh-session-id": ["x"]}
    assert read(foreign, DEFAULT_CONFIG, LINKED_PARAMETERS) == (DEFAULT_CONFIG, {})


def test_a_script_gives_the_numbers_of_the_run(finished, capsys):
    text = script(finished.config)
    assert text.isascii() and text.startswith("# dalab ")
    space = {}
    exec(compile(text, "script", "exec"), space)
    assert space["config"] == finished.config
    for label in ("spectral", "oi"):
        np.testing.assert_array_equal(
            space["tree"][f"estimates/{label}/pv"], finished.runs.result[f"estimates/{label}/pv"]
        )
    names = capsys.readouterr().out
    assert f"{finished.display.scores()['oi']['crps']:.6f}"[:6] in names


def test_a_command_gives_the_numbers_of_the_run(finished, tmp_path, monkeypatch):
    import shlex

    from typer.testing import CliRunner

    from dalab.cli import app

    words = shlex.split(command(finished.config))
    assert words[:2] == ["dalab", "run"]
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, words[1:])
    assert result.exit_code == 0, result.output
    again = load(tmp_path / f"dalab-{finished.config.hash()}.nc")
    for label in ("spectral", "oi"):
        np.testing.assert_array_equal(
            again[f"estimates/{label}/pv"], finished.runs.result[f"estimates/{label}/pv"]
        )


def test_script_and_command_keep_every_field():
    space = {}
    exec(script(RICH).partition("tree =")[0], space)
    assert space["config"] == RICH
    words = command(RICH)
    assert "--operator velocity:form=physical --operator arctan" in words
    assert "--mask 'points:sensors=[(1, 2), (30, 41)]'" in words and "--assumed-noise 0.2" in words


def test_a_script_with_a_truth_of_ones_own_says_so():
    assert "put its path below" in script(Config(truth="/tmp/mine.nc"))
    assert "put its path below" not in script(Config())


def test_differences_in_words():
    other = DEFAULT_CONFIG.replace(operators=("arctan", "sine"), background=0.1)
    found = difference(other, DEFAULT_CONFIG)
    assert found == {"operators": "arctan + sine", "background": "0.1"}
    long = DEFAULT_CONFIG.replace(masks=("painted:" + 1000 * "x",))
    painted = difference(long, DEFAULT_CONFIG)["masks"]
    assert len(painted) == 60 and painted.endswith("…")


def test_a_model_comes_back_from_its_link():
    model = LabModel(**QUICK)
    settle(model)
    model.display.param.update(time=7, view="spread", layer="lower")
    model.page = "Runs"
    model.controls.param.update(
        operators=["velocity", "arctan"], noise=0.3, use_background=True, mask="stride",
    )
    model.controls.method_options["spectral"].eta = 0.25
    settle(model)
    model.display.observed = "arctan"
    text = link_query(model, default_config(QUICK))
    other = model_from_url(QUICK, parse_qs(text))
    settle(other)
    assert other.config == model.config and not other.error
    assert other.display.state == model.display.state and other.page == "Runs"
    for one in (model, other):
        end(one)


def test_an_untouched_model_has_an_empty_link(model):
    settle(model)
    assert link_query(model, default_config(QUICK)) == ""


@pytest.mark.parametrize("text, words", [
    ("noize=1", ["noize"]), ("noise=-1", ["noise", "-1.0", "at least 1e-06"]),
    ("methods=clairvoyance", ["clairvoyance"]), ("view=inside", ["view", "inside", "mean"]),
    ("time=soon", ["time", "soon", "whole number"]), ("truth=/none/such.nc", ["such.nc"]),
])
def test_a_bad_link_says_why_and_opens_the_usual_page(text, words):
    model = model_from_url(QUICK, parse_qs(text))
    for word in ["The link cannot be used", *words]:
        assert word in model.notice
    assert model.config == default_config(QUICK) and model.display.view == "mean"
    model.controls.noise = 0.2
    assert not model.notice, "the next choice is a new beginning"
    end(model)


def test_the_message_of_a_bad_link_stays_while_the_default_experiment_runs():
    model = model_from_url(QUICK, parse_qs("noize=1"))
    model.run()
    assert model.runs.busy and model.runs.status in status_html(model)
    assert "The link cannot be used" in status_html(model)
    settle(model)
    assert model.runs.state == "done" and "The link cannot be used" in status_html(model)
    assert link_query(model, default_config(QUICK)) == "", "the address is that of the experiment"
    model.controls.noise = 0.2
    assert "The link cannot be used" not in status_html(model)
    end(model)
