"""The ipywidgets skin: the lab in a cell of a notebook.

``Lab()`` shows the same controls as the Panel app and live pictures. The cell returns at once; a
worker thread computes, and a task on the kernel's own event loop looks at the view-model a few
times a second while there is something to see.

A notebook that is opened again has no kernel and so no widget. What is left are two outputs under
it, the picture and the scores of the last run, which are hidden as long as the widget is there.
"""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any

import ipywidgets as ipw
from IPython.display import display, update_display
from PIL import Image

from ...experiments.config import Config
from ...experiments.parts import make_system
from ...experiments.run import ENDED
from ..model.lab import OBSERVATIONS, TRUTH, LabModel
from ..pictures.axes import time_label
from ..render.html import STATUS_CSS, THEME, colorbar_plots, scores_html, status_html
from ..render.live_figure import LiveFigure
from .controls import buttons, display_fields, replay, tabs

HIDDEN = """
.jp-OutputArea-child:has(.lab-{0}) ~ .jp-OutputArea-child:has(.jp-RenderedImage, .lab-scores) {{
  display: none; }}
"""
"""What stays in the notebook need not be seen while the widget is."""

DEAD = """
.jp-OutputArea-child:has(~ * .lab-scores) > .jp-OutputArea-output.lm-Panel:not(:has(*)) {
  display: none; }
"""
"""JupyterLab's words in the place of a widget that is gone need not be seen over what stays."""

GONE = "The controls of the lab need a kernel: run this cell. What is left is its newest run."
"""What stands in the place of the widget on a page that is made of a notebook."""

PERIOD = 0.15
"""Seconds between two looks at the view-model."""


class Lab(ipw.VBox):
    """The lab as a widget.

    Args:
        presets: fields of :class:`dalab.experiments.config.Config` to start with, such as
            ``operators=["arctan"], methods=["spectral"], members=4``.

    Raises:
        InputError: for a preset that names nothing or is out of its bounds.
    """

    def __init__(self, **presets: Any) -> None:
        self.model = LabModel(**presets)
        self._status = ipw.HTML(layout=ipw.Layout(width="100%"))
        self._image = ipw.Image(format="png", layout=ipw.Layout(max_width="100%"))
        self._table = ipw.HTML()
        self._figure: LiveFigure | None = None
        self._displayed, self._kept_state = False, ""
        self._task: asyncio.Task | None = None
        super().__init__(
            [
                ipw.HBox([buttons(self.model, self._wake), self._status]),
                tabs(self.model), display_fields(self.model), replay(self.model), self._image,
                self._table,
            ],
            layout=ipw.Layout(width="100%", max_width="960px"),
        )
        self.model.param.watch(lambda *events: self._show_status(),
                               ["status", "error", "outdated", "fraction", "state"])
        self.model.param.watch(lambda *events: self._wake(), list(self.model.param))
        for options in self.model.option_sets():
            options.param.watch(lambda *events: self._wake(), list(options.param))
        self._show_status()
        self.refresh()
        self._wake()

    # --- for the next cell ----------------------------------------------------------------------

    @property
    def result(self) -> Any:
        """The ``xarray.DataTree`` of the newest run that has ended, or ``None``."""
        return self.model.result

    def config(self) -> Config:
        """The experiment that the fields describe."""
        return self.model.config()

    def run(self) -> None:
        """Press Run."""
        self.model.run()
        self._wake()

    def stop(self) -> None:
        """Press Stop."""
        self.model.stop()
        self.refresh()

    def close(self) -> None:
        """Stop what computes and remove the widget."""
        if hasattr(self, "model"):  # ipywidgets closes even what could not be made
            self.model.close()
        super().close()

    # --- what stays in the notebook -------------------------------------------------------------

    def __repr__(self) -> str:
        return f"Lab of {', '.join(self.model.labels)} on {self.model.system}: {self.model.state}"

    def _ipython_display_(self) -> None:
        """Show the widget, and under it what is left when it is gone."""
        display({**self._repr_mimebundle_(), "text/plain": GONE}, raw=True)
        for name, bundle in self._static_outputs().items():
            display(bundle, raw=True, display_id=name)
        self._displayed = True

    def _static_outputs(self) -> dict[str, dict[str, str]]:
        """The picture and the scores as they stand, by the id of their output."""
        image, out = Image.open(io.BytesIO(self._image.value)), io.BytesIO()
        reduced = image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        reduced.save(out, "PNG", optimize=True)
        png = base64.b64encode(out.getvalue()).decode()
        table = self._table.value or "<p class='lab-scores'>Not run yet.</p>"
        table = f"<style>{DEAD}</style>{table}"
        return {
            f"picture {self.model_id}": {"image/png": png, "text/plain": repr(self)},
            f"scores {self.model_id}": {"text/html": table, "text/plain": repr(self)},
        }

    def _update_outputs(self) -> None:
        """After a run has ended, put its picture and its scores where they stay."""
        state = "" if self.model.busy else self.model.state
        if self._displayed and state in ENDED and state != self._kept_state:
            for name, bundle in self._static_outputs().items():
                update_display(bundle, raw=True, display_id=name)
        self._kept_state = state

    # --- what is new ----------------------------------------------------------------------------

    def refresh(self) -> None:
        """Take in what the worker has done and draw it; a task does this while there is a loop."""
        fresh = self.model.poll()
        names = (TRUTH, OBSERVATIONS, *self.model.labels)
        if self._figure is None or (tuple(self._figure.names) != names and not self.model.busy):
            self._figure = LiveFigure(names, self.model.window)
            fresh = frozenset(names)
        if fresh:
            self._draw(fresh)
        self._update_outputs()

    def _draw(self, fresh: frozenset[str]) -> None:
        model, figure = self.model, self._figure
        figure.show({name: model.field_plot(name) for name in fresh.intersection(figure.names)})
        figure.show_colorbars(colorbar_plots(model))
        floor, system = min(0.05, model.noise_shown / 2.5), make_system(model.config().system)
        figure.show_curves(model.curves(), model.display_state.time, floor, time_label(system))
        self._image.value = figure.png()
        self._table.value = scores_html(model.scores())

    def _show_status(self) -> None:
        style, line = THEME + STATUS_CSS + HIDDEN.format(self.model_id), status_html(self.model)
        self._status.value = f"<style>{style}</style><div class='lab-{self.model_id}'>{line}</div>"

    def _wake(self) -> None:
        """See to it that a task follows the model; without an event loop, call ``refresh``."""
        if self._task is not None and not self._task.done():
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._task = loop.create_task(self._follow())

    async def _follow(self) -> None:
        """Draw what is new until nothing is to be expected any more."""
        while self.model.pending:
            self.refresh()
            await asyncio.sleep(PERIOD)
