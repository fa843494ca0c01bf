"""The lab in a notebook cell, built on ipywidgets.

``Lab()`` shows the same controls as the Panel app, and live figures. The cell returns at once; a
worker thread computes, and a task on the kernel's event loop polls the view-model a few times a
second while updates are expected.

A notebook that is reopened has no kernel and thus no widget. It shows two static outputs instead,
the figure and the scores of the last run, which are hidden while the widget is there.
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
from ...experiments.experiment import Experiment, Source
from ...experiments.registration import register_parts
from ...experiments.run import ENDED
from ...options import suggestion
from ...systems import SYSTEMS
from ..model.display import OBSERVATIONS, TRUTH
from ..model.lab import LabModel
from ..render.cycle_figure import CycleFigure
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
from .cycles import cycle_fields, cycle_player

HIDDEN = """
.jp-OutputArea-child:has(.lab-{0}) ~ .jp-OutputArea-child:has(.jp-RenderedImage, .lab-scores) {{
  display: none; }}
"""
"""Style that hides the static outputs while the widget is there."""

DEAD = """
.jp-OutputArea-child:has(~ * .lab-scores) > .jp-OutputArea-output.lm-Panel:not(:has(*)) {
  display: none; }
"""
"""Style that hides JupyterLab's placeholder of a widget without a kernel."""

GONE = "The controls of the lab need a kernel: run this cell. Its latest run is shown below."
"""Text in place of the widget in a notebook exported as a page."""

PERIOD = 0.15
"""Time between two polls of the view-model [s]."""


FIELDS = tuple(Config().to_dict())
"""Names of the choices."""


class Lab(ipw.VBox):
    """The lab as a widget.

    Every field of the config is an attribute: ``lab.noise`` is the choice as it stands, and
    ``lab.noise = 0.5`` sets it, in the fields as well, or raises ``InputError``.

    Args:
        source: experiment to begin with, or what one is made from: a config, a mapping of its
            fields, a YAML or JSON file. A user's own parts of it are registered.
        presets: fields of :class:`dalab.Config` that differ from it, such as
            ``operators=["arctan"], methods=["spectral"], members=4``.

    Raises:
        InputError: for an unknown preset or one that is out of its bounds.
        AttributeError: when something is set that is neither a choice nor an attribute.
    """

    def __init__(self, source: Experiment | Source | None = None, **presets: Any) -> None:
        known = {} if source is None else register_parts(Experiment.of(source)).to_dict()
        self._model = LabModel(**known | presets)
        self._model.choose(self._model.config)
        self._status = ipw.HTML(layout=ipw.Layout(width="100%"))
        self._image = ipw.Image(format="png", layout=ipw.Layout(max_width="100%"))
        self._table = ipw.HTML()
        self._figure: LiveFigure | CycleFigure | None = None
        self._layout: tuple[tuple[str, ...], int, bool] = ((), 0, False)
        self._displayed, self._kept_state = False, ""
        self._task: asyncio.Task | None = None
        super().__init__(
            [
                ipw.HBox([buttons(self.model, self._wake), self._status]),
                cycle_fields(self.model, self._wake), tabs(self.model.controls),
                display_fields(self.model.display), replay(self.model.display),
                cycle_player(self.model.display), self._image, self._table,
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
        for part in (model, model.display, model.display.cycles, model.runs):
            part.param.watch(lambda *events: self._wake(), list(part.param))

    # --- for further cells ----------------------------------------------------------------------

    @property
    def model(self) -> LabModel:
        """The view-model."""
        return self._model

    @property
    def result(self) -> Any:
        """The ``xarray.DataTree`` of the newest finished run, or ``None``."""
        return self.model.runs.result

    @property
    def config(self) -> Config:
        """Return the experiment that the fields describe."""
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

    def continue_run(self) -> None:
        """Press Continue: add cycles to the run shown."""
        self.model.continue_run()
        self._wake()

    def stop(self) -> None:
        """Press Stop."""
        self.model.stop()
        self.refresh()

    def close(self) -> None:
        """Stop all computations and remove the widget."""
        if hasattr(self, "_model"):  # ipywidgets closes even widgets whose __init__ failed
            self.model.close()
        super().close()

    # --- static outputs -------------------------------------------------------------------------

    def __repr__(self) -> str:
        model = self.model
        return f"Lab of {', '.join(model.labels)} on {self.config.system}: {model.runs.state}"

    def _ipython_display_(self) -> None:
        """Show the widget, and below it the static outputs."""
        display({**self._repr_mimebundle_(), "text/plain": GONE}, raw=True)
        for name, bundle in self._static_outputs().items():
            display(bundle, raw=True, display_id=name)
        self._displayed = True

    def _static_outputs(self) -> dict[str, dict[str, str]]:
        """Return the present figure and scores, by the id of their output."""
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
        """Update the static outputs after a run has ended."""
        state = "" if self.model.runs.busy else self.model.runs.state
        if self._displayed and state in ENDED and state != self._kept_state:
            for name, bundle in self._static_outputs().items():
                update_display(bundle, raw=True, display_id=name)
        self._kept_state = state

    # --- updates --------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Draw the updates of the worker; a task calls this while an event loop is running."""
        model = self.model
        fresh, names = model.poll(), (TRUTH, OBSERVATIONS, *model.labels)
        layout = names, model.display.window, model.display.shows_cycles
        if self._figure is None or (layout != self._layout and not model.runs.busy):
            self._figure = CycleFigure(names) if layout[2] else LiveFigure(*layout[:2])
            self._layout, fresh = layout, frozenset(names)
        if fresh:
            self._draw(self._figure, fresh)
        self._update_outputs()

    def _draw(self, figure: LiveFigure | CycleFigure, fresh: frozenset[str]) -> None:
        shown = self.model.display
        figure.show({name: shown.field_plot(name) for name in fresh.intersection(figure.names)})
        figure.show_colorbars(colorbar_plots(self.model))
        if isinstance(figure, CycleFigure):
            figure.show_cycles(shown.cycles, shown.caption)
        else:
            floor, system = min(0.05, shown.noise_shown / 2.5), SYSTEMS.make(shown.system)
            figure.show_curves(
                shown.curves(), shown.state.time, floor, system.time_label, shown.caption
            )
        self._image.value = figure.png()
        self._table.value = scores_html(
            shown.scores(), shown.shows_cycles, dimmed=bool(shown.caption)
        )

    def _show_status(self) -> None:
        style, line = THEME + STATUS_CSS + HIDDEN.format(self.model_id), status_html(self.model)
        self._status.value = f"<style>{style}</style><div class='lab-{self.model_id}'>{line}</div>"

    def _wake(self) -> None:
        """Start the task that polls the model; without an event loop, call ``refresh``."""
        if self._task is not None and not self._task.done():
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._task = loop.create_task(self._follow())

    async def _follow(self) -> None:
        """Draw updates until no more are expected."""
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
    hint = suggestion(name, FIELDS, f"Its choices are {', '.join(FIELDS)}.")
    return f"a lab has no {name!r}. {hint}"
