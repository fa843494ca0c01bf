"""Objects whose options are given by position or by name."""

from __future__ import annotations

import param
import pytest

from dalab.configurable import Configurable
from dalab.errors import InputError
from dalab.observations.masks import Full, Gap, Points, Random, Stride
from dalab.observations.noise import LogNormal
from dalab.observations.operators import Arctan, Velocity


class Knob(Configurable):
    """Three options."""

    kind = "control"

    first = param.Number(0.5, bounds=(0.0, 1.0), inclusive_bounds=(False, True))
    second = param.Integer(4, bounds=(1, None))
    third = param.Selector(default="a", objects=["a", "b"])


def values(knob: Knob) -> tuple:
    return knob.first, knob.second, knob.third


def test_options_by_position_and_by_name_are_the_same():
    assert values(Knob()) == (0.5, 4, "a")
    assert values(Knob(0.25, 7)) == values(Knob(0.25, second=7)) == (0.25, 7, "a")
    assert values(Knob(first=0.25, second=7, third="b")) == values(Knob(0.25, 7, "b"))


def test_the_parts_of_networks_take_options_by_position():
    assert Random(0.1).ratio == 0.1 and Stride(8).stride == 8 and LogNormal(1.0).shape == 1.0
    gap = Gap(0.25, 0.5, x=0.75)
    assert (gap.size, gap.y, gap.x) == (0.25, 0.5, 0.75)
    assert Points([(1, 2)]).sensors == [(1, 2)]
    assert Arctan(2.0).slope == 2.0 and Velocity("physical").form == "physical"


@pytest.mark.parametrize("make, message", [
    (lambda: Knob(0.0), "control knob first = 0.0: must be a number above 0.0 and at most 1.0. "
     "The default is 0.5."),
    (lambda: Knob(second=0), "control knob second = 0: must be a whole number at least 1. "
     "The default is 4."),
    (lambda: Knob(third="c"), "control knob third = 'c': must be one of a, b. The default is a."),
    (lambda: Knob(first="much"), "control knob first = 'much': must be a number"),
    (lambda: Knob(fourth=1), "control knob option = 'fourth': must be one of its options. "
     "The options are, in this order: first, second, third."),
    (lambda: Knob(0.5, first=0.5), "control knob option = 'first': must be given once."),
    (lambda: Knob(0.1, 2, "a", 3), r"options = \(0.1, 2, 'a', 3\): must be at most 3."),
    (lambda: Full(1), r"mask full options = \(1,\): must be at most 0. It has no options."),
    (lambda: Random(2), "mask random ratio = 2: must be a number above 0.0 and at most 1.0."),
])
def test_options_that_will_not_do_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
