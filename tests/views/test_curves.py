"""The curves of the Panel skin, without a server."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("panel")

from dalab.views.panel.plots.field_map import Map, shared_ranges
from dalab.views.panel.plots.skill_curves import Curves
from dalab.views.pictures.axes import FLAT
from dalab.views.pictures.field_plot import FieldPlot

pytestmark = pytest.mark.lab


def test_the_curves_of_a_method_are_made_when_they_are_wanted_and_then_kept():
    curves = Curves(9)
    assert not curves.figure.renderers
    curves.set_size((400, 200), ["oi", "etkf"])
    made = list(curves.figure.renderers)
    assert set(curves.sources) == {"oi", "etkf"} and len(made) == 6
    assert [item.label.value for item in curves.legend.items] == ["oi", "etkf"]
    curves.set_size((400, 200), ["etkf"])
    curves.set_size((400, 200), ["oi", "etkf"])
    assert curves.figure.renderers == made
    assert curves.hover.renderers == [made[1], made[4]], "the points, not the lines"


def test_a_method_that_is_no_longer_there_has_no_curve():
    curves = Curves(3)
    curves.set_size((400, 200), ["oi"])
    curves.show({"oi": np.ones(3)}, {"oi": np.full(3, 0.5)}, "time")
    assert list(curves.sources["oi"].data["y"]) == [1, 1, 1]
    assert list(curves.spreads["oi"].data["y"]) == [0.5, 0.5, 0.5]
    curves.show({}, {}, "time")
    assert np.isnan(curves.sources["oi"].data["y"]).all()


def test_a_map_draws_lines_only_where_there_are_some():
    shown = Map(shared_ranges())
    flow = FieldPlot("truth", values=np.ones((4, 4)), axes=FLAT)
    shown.show("truth", flow)
    assert len(shown.figure.renderers) == 1
    point = FieldPlot("truth", values=np.zeros((3, 3)), axes=FLAT, curves=(np.arange(3.0),))
    shown.show("truth", point)
    assert len(shown.figure.renderers) == 3 and len(shown.lines.data["ys"]) == 1
    shown.show("truth", flow)
    assert not len(shown.lines.data["ys"]) and not len(shown.points.data["x"])
