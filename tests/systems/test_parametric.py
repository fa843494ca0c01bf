"""Systems with parameters: their texts, their names, and what is found by a name."""

from __future__ import annotations

import dataclasses

import param
import pytest
import torch

from dalab import catalogue
from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.experiment import Experiment
from dalab.methods.ensemble.tuning import PLAIN, Rows, Setting, setting
from dalab.options import declarations, options
from dalab.priors.loading import load_prior
from dalab.random import stream
from dalab.systems import SYSTEMS, Lorenz63, Lorenz96, QGSystem, TwoLayerQG
from dalab.systems.library import save_states
from dalab.systems.lorenz96 import lorenz96
from dalab.systems.qg import ADJUSTMENT
from dalab.systems.qg_library import draw_images, draw_lead, draw_states
from dalab.systems.qg_truth import simulate_window
from dalab.systems.spinup import refine

# Settings of papers: their texts, and what these must make.
PUBLISHED = {
    # Lorenz-63: EnFF (four gaps; its noise of 0.01 a step), EnSF-LR, DAPPER
    "lorenz63-enff": {"dt": 0.05, "interval": 0.1, "noise": 0.01 / 0.05**0.5},
    "lorenz63-enff:interval=0.2": {"dt": 0.05, "interval": 0.2, "noise": 0.01 / 0.05**0.5},
    "lorenz63-enff:interval=0.4": {"dt": 0.05, "interval": 0.4, "noise": 0.01 / 0.05**0.5},
    "lorenz63-enff:interval=0.8": {"dt": 0.05, "interval": 0.8, "noise": 0.01 / 0.05**0.5},
    "lorenz63-ensf-lr": {"dt": 0.02, "interval": 0.2, "noise": 0.0},
    "lorenz63-ensf-lr:dt=0.05,interval=0.5": {"dt": 0.05, "interval": 0.5, "noise": 0.0},
    "lorenz63": {"dt": 0.01, "interval": 0.25, "sigma": 10.0, "rho": 28.0, "beta": 8 / 3},
    "lorenz63-dapper": {"dt": 0.05, "interval": 0.1, "noise": 0.0},
    # Lorenz-96: EnSF (tuning, large, first version), EnFF, EnSF-LR, SSLS, DAPPER
    "lorenz96-ensf": {"d": 100, "dt": 0.01, "interval": 0.1, "noise": 0.0},
    "lorenz96-ensf:d=1e6": {"d": 1_000_000, "dt": 0.01, "interval": 0.1, "noise": 0.0},
    "lorenz96:d=1e6,dt=0.005,interval=0.005,noise=0.1": {
        "d": 1_000_000, "dt": 0.005, "interval": 0.005, "noise": 0.1},
    "lorenz96-ensf-lr": {"d": 40, "dt": 0.02, "interval": 0.2},
    "lorenz96-ssls": {"d": 20, "dt": 0.05, "interval": 0.05, "noise": 0.1},
    "lorenz96": {"d": 40, "dt": 0.05, "interval": 0.05, "forcing": 8.0, "noise": 0.0},
    "lorenz96-spantini": {"d": 40, "dt": 0.05, "interval": 0.4},
    "lorenz96-spantini:dt=0.02": {"d": 40, "dt": 0.02, "interval": 0.4},
}  # fmt: skip


@pytest.mark.parametrize("text", PUBLISHED)
def test_settings_of_papers_are_made_by_their_texts(text):
    system = SYSTEMS.make(text)
    assert {name: getattr(system, name) for name in PUBLISHED[text]} == PUBLISHED[text]
    small = system if system.shape[-1] < 1000 else system.with_options(d=8)
    x = small.sample_climate(2, stream(0))
    assert small.step(x).isfinite().all()


TEXTS = [
    "lorenz96:d=1000,forcing=8.17", "lorenz63:rho=35,interval=0.1", "lorenz96-spantini:d=60",
    "qg64:rd=25000", "qg256:U1=0.03,dt=900", "qg64:rek=5e-07", "ring:speed=-0.4",
    "lorenz63:beta=2.6666666666666667", *SYSTEMS,
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_system_is_described_by_the_text_that_makes_it(text):
    system = SYSTEMS.make(text)
    described = SYSTEMS.describe(system)
    assert described == system.name
    again = SYSTEMS.make(described)
    assert again == system and hash(again) == hash(system) and again.name == described
    assert SYSTEMS.make(text) == system


@pytest.mark.parametrize("text, canonical", [
    ("lorenz96:40", "lorenz96"), ("lorenz96:1000", "lorenz96:d=1000"),
    ("lorenz96:forcing=8.17,d=1e3", "lorenz96:d=1000,forcing=8.17"),
    ("lorenz63:rho=28,sigma=10.0", "lorenz63"), ("lorenz63:rho=35.0", "lorenz63:rho=35"),
    ("qg64:rd=25e3", "qg64:rd=25000"), ("qg64:25e3", "qg64:rd=25000"), ("qg64:dt=7200", "qg64"),
])  # fmt: skip
def test_names_are_the_shortest_texts(text, canonical):
    assert SYSTEMS.make(text).name == canonical


def test_every_way_to_a_system_gives_it_the_same_name():
    made = SYSTEMS.make("lorenz96:d=80")
    assert Lorenz96(d=80) == lorenz96(d=80) == dataclasses.replace(lorenz96(), d=80) == made
    assert made.with_options(d=40) == lorenz96() and made.with_options(d=40).name == "lorenz96"
    assert Lorenz96(name="mine", d=80).name == "mine"
    flow = SYSTEMS.make("qg64")
    thinner = dataclasses.replace(flow, model=dataclasses.replace(flow.model, rd=25e3))
    assert thinner == SYSTEMS.make("qg64:rd=25e3") and thinner.name == "qg64:rd=25000"
    assert refine(thinner).name == "qg64-fine:rd=25000" and refine(flow).name == "qg64-fine"


def test_files_and_experiments_take_a_text(tmp_path):
    path = tmp_path / "experiment.yaml"
    path.write_text("system: lorenz96:d=60,forcing=8.17\noperators: [identity]\nmasks: [full]\n")
    made = Experiment.of(path)
    assert made.system == lorenz96(d=60, forcing=8.17)
    own = Experiment(system=made.system, prior=made.prior, truth="model", network=made.network,
                     methods=made.methods, members=4)
    assert own.config.system == "lorenz96:d=60,forcing=8.17" and "system" not in own.own


def test_a_system_that_only_bears_the_name_is_not_described_by_it():
    other = QGSystem(name="qg64", model=TwoLayerQG(nx=8), std=(1.0, 1.0))
    assert SYSTEMS.describe(other) is None
    assert SYSTEMS.describe(Lorenz96(name="nowhere:d=3", d=8)) is None


@pytest.mark.parametrize("text, words", [
    ("lorenz96:forcin=9", r"system lorenz96 option = 'forcin': must be one of d, .* 'forcing'\?"),
    ("lorenz96:d=3", "system lorenz96 d = 3: must be a whole number at least 4 .* default is 40"),
    ("lorenz96:d=40.5", "system lorenz96 d = 40.5: must be a whole number"),
    ("lorenz96-ensf:d=many", "system lorenz96-ensf d = 'many': .* default is 100"),
    ("lorenz96-spantini:interval=0", "above 0.0 .* The default is 0.4"),
    ("lorenz63:dt=0.03", "interval = 0.25: must be a whole number of time steps of 0.03"),
    ("qg64:rd=0", "system qg64 rd = 0: must be a number above 0.0 .* default is 15000.0"),
    ("qg64:nx=32", "system qg64 option = 'nx': must be one of rd, beta"),
    ("qg64:dt=7000", "time step dt = 7000.0: must divide the interval"),
])  # fmt: skip
def test_bad_parameters_are_refused_before_any_work(text, words):
    with pytest.raises(InputError, match=words):
        Experiment.of(Config(system=text, prior="gaussian", operators=["identity"]))


def test_the_catalogue_lists_parameters_with_their_bounds():
    found = {entry.name: entry for entry in catalogue.entries("systems")}
    assert found["lorenz96-spantini"].options[0] == "d=40  4..1e+07  sites on the ring"
    assert any(line.startswith("interval=0.4  (0, 1000]") for line in
               found["lorenz96-spantini"].options)
    assert "rd=15000.0  (0, 1e+09]  deformation radius [m]" in found["qg64"].options
    assert "Sakov" in found["lorenz96"].summary


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_parameter_has_bounds_and_documentation(name):
    for parameter in options(declarations(SYSTEMS[name])).values():
        assert parameter.doc
        if isinstance(parameter, param.Selector):
            assert parameter.default in parameter.objects
            continue
        low, high = parameter.bounds
        assert low <= parameter.default <= high


def test_parameters_change_the_flow_and_keep_the_units():
    x = torch.randn(1, 1, 40, generator=stream(0), dtype=torch.float64)
    plain, forced = SYSTEMS.make("lorenz96"), SYSTEMS.make("lorenz96:forcing=10")
    q = plain.physical(x)
    assert torch.equal(forced.physical(x), q) and torch.equal(forced.scale, plain.scale)
    torch.testing.assert_close(forced.tendency(q), plain.tendency(q) + 2)
    assert Lorenz63(rho=35) != Lorenz63()
    flow = SYSTEMS.make("qg64:rd=25e3")
    assert flow.std == SYSTEMS.make("qg64").std and flow.model.rd == 25e3
    assert flow.propagator().model.rd == 25e3


# ---------------------------------------------------------------- found by name


@pytest.fixture
def flow(monkeypatch, tmp_path):
    """A small two-layer system with a library, as if it were ``qg64``, and a changed one."""
    monkeypatch.setattr("dalab.systems.library.DATA", tmp_path)
    save_states("tiny", torch.randn(3, 2, 8, 8, generator=stream(1)), tmp_path)
    plain = QGSystem(name="tiny", model=TwoLayerQG(nx=8, dt=86400.0), std=(8e-6, 1e-6))
    monkeypatch.setitem(_settings(), "tiny", plain)
    return plain, plain.with_options(rd=25e3)


def _settings():
    from dalab.systems.parametric import SETTINGS

    return SETTINGS


def test_a_changed_flow_starts_from_the_library_of_the_plain_one_and_adjusts(flow):
    plain, changed = flow
    assert changed.name == "tiny:rd=25000" and len(plain.library_states()) == 3
    start = draw_states("tiny", 8, stream(0, "adjustment", changed.name)).float()
    q = changed.model.advance(start * changed.scale.float(), ADJUSTMENT)
    found = changed.library_states()
    torch.testing.assert_close(found, (q / changed.scale.float()).double())
    assert changed.library_states() is found, "made once"
    generator = stream(7)
    q = draw_images(found, 2, generator) * changed.scale
    expected = changed.model.advance(q, draw_lead(generator)) / changed.scale
    torch.testing.assert_close(changed.sample_climate(2, stream(7)), expected)
    for fine in (False, True):
        window = simulate_window(changed, 3, lambda name: stream(0, name), fine=fine, pyqg=False)
        assert window.shape == (3, 2, 8, 8) and window.isfinite().all()


def test_a_library_of_its_own_is_preferred(flow, tmp_path):
    _, changed = flow
    own = torch.randn(3, 2, 8, 8)
    save_states(changed.name, own, tmp_path)
    torch.testing.assert_close(changed.library_states(), own.double(), rtol=1e-3, atol=1e-6)


def test_a_trained_prior_is_not_taken_for_that_of_another_flow():
    changed = SYSTEMS.make("qg64:U1=0.03")
    with pytest.raises(InputError, match="is about qg64 .* not qg64:U1=0.03 .*or auto"):
        load_prior("qg64", changed)


@pytest.mark.slow
def test_the_prior_of_a_changed_flow_is_the_gaussian_of_its_climate():
    changed = SYSTEMS.make("qg64:U1=0.03")
    prior = load_prior("auto", changed)
    assert prior.name == "gaussian"
    plain = load_prior("gaussian", SYSTEMS.make("qg64"))
    size = [p.climatological_covariance.variance().mean() for p in (prior, plain)]
    assert size[0] > 1.1 * size[1], "more shear, more turbulence"


def test_tuned_rows_are_those_of_the_plain_flow_alone():
    class Problem:
        background, network, cycled = None, None, False
        system = SYSTEMS.make("qg64:rd=25e3")

    assert setting(Rows(alone={1.0: Setting(9.0, 9.0)}), Problem()) is PLAIN
