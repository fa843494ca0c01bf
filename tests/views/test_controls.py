"""What a person chooses becomes the config, and back."""

import pytest

from dalab import Config
from dalab.errors import InputError
from dalab.experiments.experiment import Experiment
from dalab.methods import METHODS, Method
from dalab.methods.families import families
from dalab.observations import MASKS, NOISES, OPERATORS
from dalab.options import options
from dalab.views.model.compatibility import unavailable_methods, unavailable_operators
from dalab.views.model.controls import Controls

RICH = Config(
    truth="model-fine", operators=("arctan:slope=2.0", "velocity:form=physical"),
    masks=("tracks:count=3,drift=0.25",), interval=2, noise=0.05,
    noise_family="lognormal:shape=0.7", assumed_noise=0.1, background=0.3,
    background_kind="forecast", methods=("spectral:eta=0.5", "oi"), members=5, steps=20, seed=7,
    device="cpu",
)


def test_the_untouched_form_is_the_default_experiment():
    chosen = Controls().config()
    assert chosen.replace(masks=("random:0.25",)) == Config(), "random is random:0.25"


def test_every_choice_reaches_the_config():
    form = Controls()
    form.param.update(
        operators=["sine", "velocity"], mask="stride", interval=2, noise=0.2,
        noise_family="laplace", use_assumed_noise=True, assumed_noise=0.4,
        use_background=True, background=0.3,
        background_kind="forecast", truth="pyqg", methods=["oi"], members=3, steps=10, seed=5,
        device="cpu",
    )
    form.mask_options["stride"].stride = 8
    form.operator_options["velocity"].form = "physical"
    config = form.config()
    assert config == Config(
        operators=("sine", "velocity:form=physical"), masks=("stride:stride=8",), interval=2,
        noise=0.2, noise_family="laplace", assumed_noise=0.4, background=0.3,
        background_kind="forecast", truth="pyqg", methods=("oi",), members=3, steps=10, seed=5,
        device="cpu",
    )
    Experiment.of(config)


def test_assumed_noise_and_background_are_off_by_default():
    config = Controls().config()
    assert config.assumed_noise is None and config.background is None


def test_a_config_fills_the_form():
    assert Controls(**RICH.to_dict()).config() == RICH


def test_loading_resets_what_a_config_leaves_at_its_default():
    form = Controls(**RICH.to_dict())
    form.load(Config())
    assert form.config().replace(masks=("random:0.25",)) == Config()


def test_operators_may_have_masks_of_their_own():
    masks = ("stride:stride=8", "gap:size=0.3", "stride:stride=8")
    form = Controls(operators=["arctan", "sine", "speed"], masks=list(masks))
    assert form.mask == "stride" and form.config().masks == masks
    form.own_masks["sine"].mask = ""
    form.own_masks["arctan"].mask = " full "
    assert form.config().masks == ("full", "stride:stride=8", "stride:stride=8")
    form.operators = ["sine"]
    assert form.config().masks == ("stride:stride=8",), "one operator looks where all do"
    form.load(Config(operators=("arctan", "sine"), masks=("full",)))
    assert form.config().masks == ("full",)


def test_steps_of_a_method_follow_the_run_unless_they_are_set():
    form = Controls(methods=["spectral:steps=20", "dps"], steps=30)
    assert form.config().methods == ("spectral:steps=20", "dps")
    form.method_options["spectral"].steps = None
    assert form.config().methods == ("spectral", "dps")


def test_what_a_method_tunes_itself_is_blank_until_a_number_is_given():
    form = Controls(methods=["letkf:inflation=1.2", "enkf"])
    letkf = form.method_options["letkf"]
    assert letkf.localisation is None and letkf.inflation == 1.2
    letkf.param.update(localisation=3.0, inflation=None)
    assert form.config().methods == ("letkf:localisation=3.0", "enkf")
    assert Controls(**form.config().to_dict()).config() == form.config()
    letkf.localisation = None
    assert form.config().methods == ("letkf", "enkf")


@pytest.mark.parametrize("presets, words", [
    ({"operatrs": ["arctan"]}, "operators"),
    ({"operators": ["arctann"]}, "arctan"),
    ({"masks": ["random:0.1", "full"]}, "must be 1, or one"),
    ({"masks": ["full", "fulll"], "operators": ["arctan", "sine"]}, "fulll"),
    ({"methods": ["spectral", "spectral:eta=0"]}, "once each"),
    ({"masks": ["random:2"]}, "at most 1"),
])
def test_presets_that_make_no_sense_are_refused(presets, words):
    with pytest.raises(InputError, match=words):
        Controls(**presets)


def test_painted_sensors_can_be_typed_with_or_without_brackets():
    form = Controls(masks=["points:[(3, 5), (10, 7)]"])
    assert form.config().masks == ("points:sensors=[(3, 5), (10, 7)]",)
    form.mask_options["points"].sensors = "(1, 2), (3, 4)"
    Experiment.of(form.config())
    assert form.config().masks == ("points:sensors=[(1, 2), (3, 4)]",)


@pytest.mark.parametrize("kind, registry", [
    ("operator", OPERATORS), ("mask", MASKS), ("noise", NOISES), ("method", METHODS),
])
def test_every_registered_entry_has_its_options_in_the_form(kind, registry):
    form = Controls()
    sets = getattr(form, f"{kind}_options")
    assert set(sets) == set(registry)
    for name, cls in registry.items():
        assert set(options(type(sets[name]))) == set(options(cls))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_can_be_chosen(name):
    systems = {"kf": "ring", "rts": "ring", "omega": "dyad", "rbpf": "dyad"}
    operators = {"ring": "identity", "dyad": "component:field=1"}
    given = {}
    if name in systems:
        system = systems[name]
        given = {"system": system, "operators": [operators[system]], "masks": ["full"]}
    Experiment.of(Controls(methods=[name], **given).config())


def test_a_file_of_the_user_is_a_truth_like_the_others(tmp_path):
    controls = Controls()
    controls.truth, controls.truth_file = "file", f" {tmp_path / 'mine.nc'} "
    config = controls.config()
    assert config.truth == str(tmp_path / "mine.nc")
    again = Controls(truth=config.truth)
    assert (again.truth, again.config()) == ("file", config)


def test_a_missing_file_is_named_with_the_remedy():
    controls = Controls(truth="nowhere.nc")
    with pytest.raises(InputError, match="truth = 'nowhere.nc'.*existing.*Check the path"):
        Experiment.of(controls.config())


def test_every_method_is_in_one_family():
    named = [name for names in families().values() for name in names]
    assert sorted(named) == sorted(METHODS)


def test_a_method_of_tomorrow_is_offered_too(monkeypatch):
    class Tomorrow(Method):
        """A method of somebody else."""

    class Own(Method):
        """A method of a family of its own."""

        family = "Hybrids"

    monkeypatch.setitem(METHODS, "tomorrow", Tomorrow)
    monkeypatch.setitem(METHODS, "own", Own)
    monkeypatch.setitem(METHODS, "oi-2", METHODS["oi"])
    assert families()["Variational"] == ["oi", "var3d", "var4d", "var4d-lagged", "oi-2"]
    assert list(families())[-2:] == ["Hybrids", "Others"]
    assert families()["Hybrids"] == ["own"] and families()["Others"] == ["tomorrow"]


@pytest.mark.parametrize("system", ["qg64", "kolmogorov", "lorenz63", "lorenz96"])
def test_what_is_barred_is_refused_and_the_rest_is_not(system):
    for name in OPERATORS:
        unavailable = name in unavailable_operators(system)
        has = {"velocity": ("qg64",), "speed": ("qg64", "kolmogorov"), "drift": ("qg64",)}
        assert unavailable == (system not in has.get(name, (system,)))
        if unavailable:
            with pytest.raises(InputError, match="operator"):
                Experiment.of(Config(system=system, operators=(name,), masks=("full",)))
        else:
            Experiment.of(Config(system=system, operators=(name,), masks=("full",)))
    others = {"kf", "rts", "omega", "rbpf"}  # of linear and of conditional Gaussian systems
    assert set(unavailable_methods(system)) == others


def test_a_system_with_parameters_can_be_chosen_and_left_again():
    text = "lorenz96:d=60,forcing=8.17"
    form = Controls(system=text, operators=["identity"], masks=["full"])
    assert form.system == text == form.config().system
    assert text in form.param.system.objects
    form.system = "lorenz96"
    assert form.config().system == "lorenz96" and form.prior == "auto"


def test_another_system_leaves_out_what_it_does_not_have():
    form = Controls(operators=["arctan", "velocity"], methods=["oi"], truth="pyqg")
    assert form.step_word == "day"
    form.system = "lorenz63"
    assert (form.operators, form.mask, form.truth) == (["arctan"], "full", "model")
    assert form.methods == ["oi"] and form.step_word == "step"
    Experiment.of(form.config())
    form.operators = ["sine"]
    form.system = "qg64"
    assert form.operators == ["sine"]
    Experiment.of(form.config())


def test_a_config_that_cannot_work_is_not_changed_behind_its_back():
    form = Controls()
    form.load(Config(system="lorenz63", operators=("identity",), masks=("random:0.25",)))
    assert form.mask == "random"
    with pytest.raises(InputError, match="ratio"):
        Experiment.of(form.config())


def test_a_method_shows_the_steps_it_runs_with():
    controls = Controls()
    steps = controls.method_options["soad"].param["steps"]
    assert controls.config().steps is None and steps.placeholder == "256"
    controls.steps = 12
    assert steps.placeholder == "12" and controls.config().steps == 12
    assert controls.config().methods == Config().methods


def test_what_is_registered_later_can_be_chosen_in_new_controls(monkeypatch):
    class Moorings(MASKS["full"]):
        """Every cell."""

    monkeypatch.setitem(MASKS, "moorings", Moorings)
    controls = Controls(masks="moorings")
    assert controls.config().masks == ("moorings",)
