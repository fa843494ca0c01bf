"""A finished result as HoloViews maps."""

import numpy as np
import pytest

hv = pytest.importorskip("holoviews")

from dalab import Config, execute  # noqa: E402
from dalab.views.render.explore import explore  # noqa: E402
from dalab.views.render.result_figure import write  # noqa: E402


@pytest.mark.slow
def test_every_field_has_a_map_for_every_day_and_layer():
    tree = execute(Config(methods=("spectral", "oi"), steps=3, members=2))
    layout = explore(tree)
    maps = {m.last.label: m for m in layout}
    assert list(maps) == ["truth", "spectral", "oi"]
    assert all(len(m) == 9 * 2 for m in maps.values())
    shown = maps["truth"][4.0, 2].dimension_values("PV", flat=False)
    expected = tree["truth/pv"].isel(time=4, lev=1).values
    np.testing.assert_allclose(shown, expected)
    assert hv.renderer("bokeh").get_plot(layout).state is not None


@pytest.mark.parametrize("system, shape", [("lorenz96", (9, 40)), ("lorenz63", (9,))])
def test_rings_are_shown_over_time_and_single_cells_as_curves(system, shape, tmp_path):
    tree = execute(Config(system=system, operators="identity", masks="full", methods="oi"))
    layout = explore(tree)
    shown = next(iter(layout)).last.dimension_values("PV", flat=len(shape) == 1)
    np.testing.assert_allclose(shown, tree["truth/pv"].values[:, -1].reshape(shape))
    assert hv.renderer("bokeh").get_plot(layout).state is not None
    assert write(tree, tmp_path / "run.png").stat().st_size > 10_000
