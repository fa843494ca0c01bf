"""From texts to checked objects, and back."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import param
import pytest

from dalab.errors import InputError
from dalab.methods import METHODS
from dalab.observations import MASKS, NOISES, Mask
from dalab.options import build, describe, lookup, options
from dalab.registry import REGISTRIES, Registry, register
from dalab.systems import SYSTEMS, Lorenz96


@pytest.mark.parametrize(
    "text, registry",
    [
        ("random:ratio=0.5", MASKS), ("stride", MASKS), ("gap:size=0.3,y=0.1", MASKS),
        ("points:sensors=[(3, 5), (1, 2)]", MASKS), ("lognormal:shape=1.0", NOISES),
        ("spectral:steps=12,eta=0.5,draws=False", METHODS), ("etkf", METHODS),
        ("letkf:localisation=auto,inflation=1.2", METHODS), ("letkf:localisation=0", METHODS),
    ],
)  # fmt: skip
def test_describe_is_the_inverse_of_build(text, registry):
    built = build("thing", text, registry)
    again = build("thing", describe(built, registry), registry)
    names = options(type(built))
    assert {n: getattr(built, n) for n in names} == {n: getattr(again, n) for n in names}


def test_a_bare_value_is_the_first_option():
    assert build("mask", "stride:3", MASKS).stride == 3
    assert build("mask", "points:[(1, 2)]", MASKS).sensors == [(1, 2)]


@pytest.mark.parametrize("text", ["letkf", "letkf:localisation=auto", "letkf:localisation=None"])
def test_what_is_left_to_the_method_is_none_and_never_spelt_out(text):
    built = build("method", text, METHODS)
    assert built.localisation is None and describe(built, METHODS) == "letkf"


@pytest.mark.parametrize("word", ["true", "True", "TRUE", " true "])
def test_booleans_are_written_in_any_case(word):
    made = build("method", f"etkf:rotation={word},inflation=1.1", METHODS)
    assert made.rotation is True and made.inflation == 1.1
    assert build("method", f"etkf:rotation={word.lower().replace('true', 'false')}",
                 METHODS).rotation is False
    assert describe(made, METHODS) == "etkf:inflation=1.1,rotation=True"


@pytest.mark.parametrize("word", ["1", "yes", "truely", "tru"])
def test_other_words_are_no_booleans(word):
    with pytest.raises(InputError, match="rotation"):
        build("method", f"etkf:rotation={word}", METHODS)


def test_options_keep_the_order_of_declaration_and_hide_the_name():
    assert list(options(METHODS["spectral"]))[:2] == ["steps", "eta"]
    assert "name" not in options(METHODS["spectral"])


def test_unknown_name_lists_and_suggests():
    with pytest.raises(InputError, match="method = 'spectrl': must be one of .*etkf.*'spectral'"):
        lookup("method", "spectrl", METHODS)


@pytest.mark.parametrize(
    "text, words",
    [
        ("spectral:steps=1", r"steps = 1: must be a whole number at least 2 and at most 1000"),
        ("spectral:eta=2", r"eta = 2: must be a number at least 0.0 and at most 1.0.*default is"),
        ("spectral:steps=many", r"steps = 'many': must be a whole number"),
        ("spectral:speed=3", r"option = 'speed': must be one of steps"),
        ("letkf:localisation=-1", r"must be a number at least 0.0 and at most 64.*default is auto"),
        ("spectral:eta=auto", r"eta = 'auto': must be a number"),
        ("mmps:solver=lu", r"solver = 'lu': must be one of cg, gmres"),
    ],
)
def test_bad_options_name_value_bound_and_remedy(text, words):
    with pytest.raises(InputError, match=words):
        build("method", text, METHODS)


def test_options_for_a_thing_without_any_are_refused():
    with pytest.raises(InputError, match="mask full = '0.5': must have no options"):
        build("mask", "full:0.5", MASKS)


@pytest.fixture
def empty():
    """A registry of masks of its own, which no other test sees."""
    before = dict(REGISTRIES)
    yield Registry("mask", "test-masks", Mask, {"full": MASKS["full"]})
    REGISTRIES.clear()
    REGISTRIES.update(before)


class Moorings(Mask):
    """One row of sensors."""

    y = param.Number(0.5, bounds=(0.0, 1.0), doc="place of the row")


def test_a_class_is_registered_by_its_name_in_kebab_case(monkeypatch):
    monkeypatch.setattr(MASKS, "_entries", dict(MASKS.items()))
    assert register(Moorings) is Moorings
    assert MASKS.make("moorings:0.25").y == 0.25
    assert MASKS.describe(Moorings(y=0.25)) == "moorings:y=0.25"
    assert register(name="row")(Moorings) is Moorings and MASKS["row"] is Moorings


def test_an_object_is_registered_under_its_own_name(monkeypatch):
    monkeypatch.setattr(SYSTEMS, "_entries", dict(SYSTEMS.items()))
    big = register(Lorenz96(name="lorenz96-big", d=80))
    assert SYSTEMS.make("lorenz96-big") is big and SYSTEMS.describe(big) == "lorenz96-big"


def test_a_definition_that_is_run_again_takes_its_place(empty):
    empty.add("moorings", Moorings)
    again = type("Moorings", (Mask,), {"__module__": __name__, "__qualname__": "Moorings"})
    empty.add("moorings", again)
    assert empty["moorings"] is again


@pytest.mark.parametrize("name", ["full", "moorings", "a b", "x:1", ""])
def test_names_that_are_taken_or_cannot_be_written_are_refused(empty, name):
    empty.add("moorings", Moorings)
    with pytest.raises(InputError, match="name of a mask"):
        empty.add(name, type("Other", (Mask,), {}))


def test_other_things_are_refused():
    with pytest.raises(InputError, match="derive from one of .*System.*Give it the base class"):
        register(int)


def test_packages_bring_entries(empty, monkeypatch):
    points = [EntryPoint("row", f"{__name__}:Moorings", "dalab.test-masks"),
              EntryPoint("broken", "no_such_package:Thing", "dalab.test-masks")]
    monkeypatch.setattr("dalab.registry.entry_points",
                        lambda group: points if group == "dalab.test-masks" else [])
    with pytest.warns(RuntimeWarning, match="cannot load the mask 'broken'.*no_such_package"):
        assert list(empty) == ["full", "row"]
    assert empty.make("row:y=0.1").y == 0.1
