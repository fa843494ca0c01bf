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
import difflib
import io
from typing import Any

import ipywidgets as ipw
from IPython.display import display, update_display
from PIL import Image

from ...experiments.config import Config
from ...experiments.parts import make_system
from ...experiments.run import ENDED
from ..model.display import OBSERVATIONS, TRUTH
from ..model.lab import LabModel
from ..render.html import (
    LAB_STATUS,
    RUN_STATUS,
    STATUS_CSS,
    THEME,
    colorbar_plots,
    scores_html,
    status_html,
)
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


FIELDS = tuple(Config().to_dict())
"""Names of the choices."""


class Lab(ipw.VBox):
    """The lab as a widget.

    Every field of the config is an attribute: ``lab.noise`` is the choice as it stands, and
    ``lab.noise = 0.5`` sets it, in the fields as well, or raises ``InputError``.

    Args:
        presets: fields of :class:`dalab.experiments.config.Config` to start with, such as
            ``operators=["arctan"], methods=["spectral"], members=4``.

    Raises:
        InputError: for a preset that names nothing or is out of its bounds.
        AttributeError: when something is set that is neither a choice nor an attribute.
    """

    def __init__(self, **presets: Any) -> None:
        self._model = LabModel(**presets)
        self._model.choose(self._model.config)
        self._status = ipw.HTML(layout=ipw.Layout(width="100%"))
        self._image = ipw.Image(format="png", layout=ipw.Layout(max_width="100%"))
        self._table = ipw.HTML()
        self._figure: LiveFigure | None = None
        self._layout: tuple[tuple[str, ...], int] = ((), 0)
        self._displayed, self._kept_state = False, ""
        self._task: asyncio.Task | None = None
        super().__init__(
            [
                ipw.HBox([buttons(self.model, self._wake), self._status]),
                tabs(self.model.controls), display_fields(self.model.display),
                replay(self.model.display), self._image, self._table,
            ],
            layout=ipw.Layout(width="100%", max_width="960px"),
        )
        self._subscribe()
        self._show_status()
        self.refresh()
        self._wake()

    def _subscribe(self) -> None:
        model = self.model
        for part, names in ((model, LAB_STATUS), (model.runs, RUN_STATUS)):
            part.param.watch(lambda *events: self._show_status(), names)
        for part in (model, model.display, model.runs):
            part.param.watch(lambda *events: self._wake(), list(part.param))

    # --- for the next cell ----------------------------------------------------------------------

    @property
    def model(self) -> LabModel:
        """The view-model."""
        return self._model

    @property
    def result(self) -> Any:
        """The ``xarray.DataTree`` of the newest run that has ended, or ``None``."""
        return self.model.runs.result

    @property
    def config(self) -> Config:
        """The experiment that the fields describe."""
        return self.model.config

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a choice; refuse names that mean nothing, which would be ignored in silence."""
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(_unknown(name))
        super().__setattr__(name, value)

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
        if hasattr(self, "_model"):  # ipywidgets closes even what could not be made
            self.model.close()
        super().close()

    # --- what stays in the notebook -------------------------------------------------------------

    def __repr__(self) -> str:
        model = self.model
        return f"Lab of {', '.join(model.labels)} on {self.config.system}: {model.runs.state}"

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
        state = "" if self.model.runs.busy else self.model.runs.state
        if self._displayed and state in ENDED and state != self._kept_state:
            for name, bundle in self._static_outputs().items():
                update_display(bundle, raw=True, display_id=name)
        self._kept_state = state

    # --- what is new ----------------------------------------------------------------------------

    def refresh(self) -> None:
        """Take in what the worker has done and draw it; a task does this while there is a loop."""
        model = self.model
        fresh, names = model.poll(), (TRUTH, OBSERVATIONS, *model.labels)
        layout = names, model.display.window
        if self._figure is None or (layout != self._layout and not model.runs.busy):
            self._figure, self._layout = LiveFigure(*layout), layout
            fresh = frozenset(names)
        if fresh:
            self._draw(self._figure, fresh)
        self._update_outputs()

    def _draw(self, figure: LiveFigure, fresh: frozenset[str]) -> None:
        shown = self.model.display
        figure.show({name: shown.field_plot(name) for name in fresh.intersection(figure.names)})
        figure.show_colorbars(colorbar_plots(self.model))
        floor, system = min(0.05, shown.noise_shown / 2.5), make_system(shown.system)
        figure.show_curves(shown.curves(), shown.display_state.time, floor, system.time_label)
        self._image.value = figure.png()
        self._table.value = scores_html(shown.scores())

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


class Choice:
    """A field of the config as an attribute of a lab.

    Args:
        name: of the field.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.__doc__ = f"The choice ``{name}``; setting it raises ``InputError`` if it cannot work."

    def __get__(self, lab: Lab | None, owner: type | None = None) -> Any:
        return self if lab is None else getattr(lab.config, self.name)

    def __set__(self, lab: Lab, value: Any) -> None:
        lab.model.choose(lab.config.replace(**{self.name: value}))


for _name in FIELDS:
    setattr(Lab, _name, Choice(_name))


def _unknown(name: str) -> str:
    """Return the message for an attribute that a lab does not have."""
    close = difflib.get_close_matches(name, FIELDS, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"Its choices are {', '.join(FIELDS)}."
    return f"a lab has no {name!r}. {hint}"
