"""Physics page: model residual, energy and enstrophy of the estimates."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import xarray as xr

from ....experiments.results.diagnostics import physics
from ....experiments.results.recorded import system_of
from ...model.lab import LabModel
from ..plots.field_map import set_visible
from ..plots.line_chart import LEGEND, Chart, Line, legend
from .result_page import ResultPage


class PhysicsPage(ResultPage):
    """Model residual, energy and enstrophy over time, of the truth and of every method.

    Args:
        model: view-model of the page.
    """

    def __init__(self, model: LabModel) -> None:
        super().__init__(model, "Are the estimates trajectories of the flow?", CONTENTS)

    def build(self) -> pn.viewable.Viewable:
        """Make three charts below a legend."""
        self.legend = pn.pane.HTML("", margin=(8, 10, 4, 10), stylesheets=[LEGEND],
                                   sizing_mode="stretch_width")
        self.residual = Chart("One-step model residual", "time", "RMSE of the forecast of a member",
                              y_axis_type="log")
        self.energy = Chart("Energy, mean of members", "time", "")
        self.enstrophy = Chart("Enstrophy, mean of members", "time", "")
        self.note = pn.pane.HTML(NOTE, margin=(4, 14), sizing_mode="stretch_width",
                                 stylesheets=[TEXT])
        charts = (self.residual, self.energy, self.enstrophy)
        return pn.Column(
            self.legend, pn.FlexBox(*(chart.pane for chart in charts), margin=(0, 10)), self.note,
            margin=0, sizing_mode="stretch_width",
        )

    def key(self) -> tuple:
        """Return no further arguments: the charts depend on the run alone."""
        return ()

    def compute(self, tree: xr.DataTree, *key: Any) -> Any:
        """Compute residuals and energies."""
        return physics(tree)

    def draw(self, tree: xr.DataTree, found: Any) -> None:
        """Draw the truth thick and grey, and the methods on top."""
        truth, methods = found
        system = system_of(tree)
        (unit, factor), time = system.energy_unit, system.time_label
        self.legend.object = legend(list(methods))
        known = {"truth": truth, **methods}

        def lines(part: str, factor: float = 1.0, floor: float = 0.0) -> list[Line]:
            series = {name: getattr(one, part) for name, one in known.items()}
            return [
                Line(name, np.arange(len(y)), np.maximum(factor * y, floor),
                     width=5.0 if name == "truth" else 2.0)
                for name, y in series.items() if y is not None
            ]

        self.residual.show(lines("residual", floor=1e-3), x=time)
        self.energy.show(lines("energy", factor=factor), x=time,
                         y=unit or "energy")
        unit, factor = system.enstrophy_unit or ("", 1.0)
        self.enstrophy.show(lines("enstrophy", factor=factor), x=time, y=unit or "enstrophy")
        set_visible(self.residual.pane, len(truth.residual) > 0)
        shown = truth.enstrophy is not None
        set_visible(self.enstrophy.pane, shown)
        self.set_size(*self.available_size)

    def set_size(self, width: int, height: int) -> None:
        """Fit the residual and, below it, the other charts into width and height [pixels]."""
        down = max((height - 90) // 2, 220)
        self.residual.set_size(width - 20, down)
        shown = [c for c in (self.energy, self.enstrophy) if c.figure.visible]
        for chart in shown:
            chart.set_size((width - 20) // len(shown), down)


CONTENTS = {
    "Model residual": "distance between one step of the model and the next state of a member",
    "Energy": "energy of the truth and of every method over time; too little means too smooth",
    "Enstrophy": "the same, with more weight on small scales",
}

NOTE = """<p>The residual is the error of a one-step forecast from a member, measured against that
member's next state. It is 0 for an exact trajectory of the lab's model; values below 0.001 are
drawn as 0.001. An ensemble with too little energy is too smooth.</p>"""

TEXT = "p { font-size: 12.5px; color: var(--lab-muted); margin: 0; max-width: 900px; }"
