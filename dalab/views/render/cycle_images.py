"""Images of a cycled run that has ended: its newest cycle, or one after the other."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image

from ..model.cycled_display import CycledDisplay
from ..model.history import HistoryEntry
from ..pictures.cycled_plot import cycled_truth_plot
from ..pictures.field_plot import DisplayState, FieldPlot, observation_plot
from ..pictures.wording import score_note
from .animation import OBSERVATIONS, TRUTH, colorbars
from .cycle_figure import CycleFigure

MOST = 48
"""Largest number of images of an animation."""


def cycle_images(entry: HistoryEntry, display: DisplayState, count: int) -> Iterator[Image.Image]:
    """Draw maps, curves and ranks at the last cycles, one image each.

    Args:
        entry: a cycled run with states.
        display: what is shown; its time is ignored.
        count: number of cycles, of which at most those that the recorder keeps are drawn.
    """
    shown = CycledDisplay()
    shown.show_run(entry.run)
    shown.update()
    figure = CycleFigure([TRUTH, OBSERVATIONS, *entry.scores])
    for cycle in range(max(shown.last - count + 1, shown.first), shown.last + 1):
        shown.position = cycle
        plots = _plots(entry, shown, display)
        figure.show(plots)
        figure.show_colorbars(colorbars(plots, display))
        figure.show_cycles(shown)
        yield Image.open(io.BytesIO(figure.png()))


def _plots(
    entry: HistoryEntry, shown: CycledDisplay, display: DisplayState
) -> dict[str, FieldPlot]:
    fields, plots = shown.fields(), {}
    if fields is not None:
        plots[TRUTH] = cycled_truth_plot(fields, display)
        plots[OBSERVATIONS] = observation_plot(fields, display)
    for label, known in entry.scores.items():
        nothing = FieldPlot(label, score_note(known.status, None))
        plots[label] = shown.estimate_plot(label, known, display) or nothing
    return plots
