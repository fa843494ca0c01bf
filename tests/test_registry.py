"""From texts to checked objects, and back."""

from __future__ import annotations

import pytest

from dalab.errors import InputError
from dalab.methods import METHODS
from dalab.observations import MASKS, NOISES
from dalab.registry import build, describe, lookup, options


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
