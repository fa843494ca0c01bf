"""Experiments as made parts: built once, from texts or from a user's own objects."""

from __future__ import annotations

from collections import Counter

import param
import pytest
import torch

import dalab
from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.experiment import Experiment
from dalab.experiments.registration import register_parts
from dalab.experiments.results.stored_run import StoredRun
from dalab.experiments.truth import TRUTHS
from dalab.methods import METHODS
from dalab.observations import MASKS, NOISES, OPERATORS
from dalab.priors import PRIORS
from dalab.registry import REGISTRIES
from dalab.systems import SYSTEMS

RING = Config(system="ring", operators="identity", methods=("oi", "letkf"), members=2, device="cpu")


class Drift(dalab.System):
    """A pattern carried one cell east in every step."""

    shape = (1, 8, 8)

    def step(self, x, n=1, generator=None):
        return torch.roll(x, n, -1)


class Tanh(dalab.Operator):
    """tanh(x / width)."""

    width = param.Number(0.5, bounds=(0.01, 10.0), doc="normalised units")

    def __call__(self, x):
        return torch.tanh(x / self.width)


class Nudging(dalab.Method):
    """Draws of the climatology, pulled towards the observations."""

    rate = param.Number(0.05, bounds=(0.0, 1.0), doc="share of the misfit removed per step")

    def iterate(self, problem, streams):
        x = problem.prior.sample_climatology(streams)
        for done in range(1, 6):
            x = x + self.rate * problem.network.vjp(x, problem.data - problem.network.apply(x))
            yield dalab.Step(x, done, 5)


def own(**changes):
    """An experiment of which everything is a user's own object."""
    system = Drift()
    start = torch.randn(80, *system.shape, generator=torch.Generator().manual_seed(0))
    windows = system.trajectory(start, 3)
    parts = {
        "system": system, "prior": dalab.GaussianPrior.fit(windows[1:], name="white"),
        "truth": windows[0], "methods": {"mine": Nudging(rate=0.3)}, "members": 2,
        "network": dalab.network(Tanh(0.7), mask=dalab.masks.Random(0.5), noise=0.1),
    }
    return Experiment(**parts | changes)


@pytest.fixture
def registries():
    """Registries that forget what a test registers."""
    before = {plural: dict(registry._loaded()) for plural, registry in REGISTRIES.items()}
    truths = dict(TRUTHS)
    yield REGISTRIES
    TRUTHS.clear()
    TRUTHS.update(truths)
    for plural, registry in REGISTRIES.items():
        registry._entries = before[plural]


def test_each_part_is_built_once(monkeypatch):
    made = Counter()

    def count(registry, name):
        entry = registry[name]

        def factory(*arguments, **options):
            made[name] += 1
            return entry(*arguments, **options)

        if not isinstance(entry, type):
            monkeypatch.setitem(registry, name, factory)
            return
        plain = entry.__init__
        monkeypatch.setattr(entry, "__init__", lambda self, *a, **k: (
            made.update([name]), plain(self, *a, **k))[1])

    for registry, name in ((SYSTEMS, "ring"), (OPERATORS, "identity"), (MASKS, "random"),
                           (NOISES, "gaussian"), (METHODS, "oi"), (METHODS, "kf")):
        count(registry, name)
    dalab.execute(RING.replace(methods=("oi", "kf")))
    assert made == {"ring": 1, "identity": 1, "random": 1, "gaussian": 1, "oi": 1, "kf": 1}


@pytest.mark.parametrize("form", ["config", "dict", "yaml", "json", "experiment"])
def test_a_run_takes_every_description(form, tmp_path):
    path = tmp_path / f"experiment.{form}"
    path.write_text(RING.to_json())
    source = {"config": RING, "dict": RING.to_dict(), "experiment": Experiment.of(RING)}
    assert dalab.Run(source.get(form, path)).config == RING
    assert Experiment.of(source.get(form, str(path))).config == RING


def test_an_experiment_of_its_parts_has_the_texts_of_its_config():
    made = Experiment.of(RING)
    again = Experiment(
        system=made.system, network=made.network, methods=list(made.methods.values()),
        prior=made.prior, members=2, device="cpu",
    )
    assert not again.own and again.config == RING.replace(prior="gaussian", masks="random")
    assert list(again.methods) == ["oi", "letkf"]


def test_own_objects_give_the_scores_of_an_exact_problem():
    system, eye = Drift(), dalab.operators.Identity()
    experiment = own(
        network=dalab.network(eye, noise=0.1), methods=METHODS.make("spectral"), members=64
    )
    tree = dalab.execute(experiment)
    row = dalab.table(tree).iloc[0]
    # three exact looks at white noise that only moves: std 0.1 / sqrt(3) once it is known to move
    assert row["status"] == "complete" and 0.05 < row["rmse_mean"] < 0.1
    assert tree["truth/pv"].shape == (3, *system.shape)


def test_results_of_own_objects_are_saved_and_shown_where_they_are_unknown(tmp_path):
    tree = dalab.execute(own())
    assert tree.attrs["own_parts"] == "methods operators prior system truth"
    back = dalab.load(dalab.save(tree, tmp_path / "own.nc"))
    run = StoredRun(back)
    assert run.twin.system.geometry == "plane" and run.twin.system.shape == (1, 8, 8)
    assert torch.equal(run.twin.truth, torch.from_numpy(tree["truth/pv"].values))
    assert list(run.scores) == ["mine"] and run.scores["mine"].status == "complete"
    assert run.twin.problem.data.shape == (3 * 32,)
    with pytest.raises(InputError, match="operator = 'tanh:width=0.7': is not known here"):
        run.twin.problem.network.apply(run.twin.truth)
    with pytest.raises(InputError, match="'drift': is not known here.*Register it"):
        run.twin.system.step(run.twin.truth[0])
    assert len(dalab.figure(back).axes) > 3


def test_registered_parts_make_the_same_experiment_from_texts(registries):
    experiment = own()
    config = register_parts(experiment)
    assert config.methods == ("nudging:rate=0.3",) and config.operators == ("tanh:width=0.7",)
    assert config.system == "drift" and config.prior == "white"
    again, first = dalab.execute(config), dalab.execute(experiment)
    assert again["metrics/rmse_mean"].values == first["metrics/rmse_mean"].values
    assert "drift" in SYSTEMS and "white" in PRIORS


def test_a_given_state_is_run_by_the_system():
    state = torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(1))
    truth = dalab.execute(own(truth=state))["truth/pv"].values
    assert torch.equal(torch.from_numpy(truth[2]), torch.roll(state, 2, -1))


def test_a_system_of_shape_and_step_alone_has_a_climate_and_a_prior():
    tree = dalab.execute(Experiment(
        system=Drift(), network=dalab.network(dalab.operators.Identity()),
        methods=METHODS.make("oi"), members=2,
    ))
    assert tree.attrs["status"] == "complete"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"truth": torch.zeros(3, 1, 8, 9)}, r"of the truth = \(3, 1, 8, 9\).*\(3, 1, 8, 8\)"),
        ({"truth": torch.zeros(2, 1, 8, 8), "window": 3}, r"\(2, 1, 8, 8\).*\(3, 1, 8, 8\)"),
        ({"truth": torch.full((3, 1, 8, 8), torch.nan)}, "must be finite"),
        ({"truth": "modle"}, "Did you mean 'model'"),
        ({"members": 0}, "members = 0: must be a whole number at least 1"),
        ({"methods": []}, "must name at least one"),
        ({"methods": {"mine": Nudging}}, "must be an instance of dalab.Method"),
        ({"window": 2, "truth": "model"}, r"must be about windows of shape \(2, 1, 8, 8\)"),
        ({"background": -1.0}, "background = -1.0"),
        ({"device": "gpu"}, "'gpu'"),
    ],
)
def test_refuses_before_any_work(changes, words):
    with pytest.raises(InputError, match=words):
        own(**changes)


def test_something_else_is_refused():
    with pytest.raises(InputError, match="must be an Experiment, a Config"):
        Experiment.of(3)


def test_representations():
    experiment = own()
    assert "own objects: methods, operators" in repr(experiment)
    assert repr(Experiment.of(RING)).startswith("Experiment.of(Config(system='ring'")
    html = experiment._repr_html_()
    assert "drift" in html and "<table>" in html
    run = dalab.Run(RING)
    assert repr(run) == "<Run of oi, letkf on ring: idle>" and "idle" in run._repr_html_()
