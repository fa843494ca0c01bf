"""Animation of the run shown: truth, observations and estimates, step by step."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..model.history import HistoryEntry
from ..pictures.field_plot import (
    DENSITIES,
    SINGLE,
    DisplayState,
    FieldPlot,
    TwinFields,
    estimate_plot,
    observation_plot,
    truth_plot,
)
from ..pictures.style import colour, dash
from ..pictures.wording import score_note
from .live_figure import LiveFigure

PAUSE = 500
"""Milliseconds between two steps."""

TRUTH, OBSERVATIONS = "truth", "observations"


def animation(entry: HistoryEntry, display: DisplayState) -> bytes:
    """Make a looping GIF with one image for every step of the window.

    Args:
        entry: a run whose truth was prepared.
        display: what is shown; its time is ignored.
    """
    plane = cast(TwinFields, entry.run.twin_fields).twin.system.geometry == "plane"
    return gif(list((pages if plane else profiles)(entry, display)))


def pages(entry: HistoryEntry, display: DisplayState) -> Iterator[Image.Image]:
    """Draw the maps and curves of every step of a flow, one image each."""
    twin_fields = cast(TwinFields, entry.run.twin_fields)
    live = LiveFigure([TRUTH, OBSERVATIONS, *entry.scores], entry.config.window)
    curves = {label: k.rmse_steps for label, k in entry.scores.items() if len(k.rmse_steps)}
    floor = min(0.05, entry.config.noise / 2.5)
    for time in range(entry.config.window):
        plots = field_plots(entry, twin_fields, replace(display, time=time))
        live.show(plots)
        if not time:
            live.show_colorbars(colorbars(plots, display))
        live.show_curves(curves, time, floor, twin_fields.twin.system.time_label)
        yield Image.open(io.BytesIO(live.png()))


def field_plots(
    entry: HistoryEntry, twin_fields: TwinFields, display: DisplayState
) -> dict[str, FieldPlot]:
    """Plot truth, observations and estimates in a display state."""
    plots = {
        TRUTH: truth_plot(twin_fields, display),
        OBSERVATIONS: observation_plot(twin_fields, display),
    }
    frames = entry.run.frames()
    for label, known in entry.scores.items():
        if label not in frames:
            plots[label] = FieldPlot(label, score_note(known.status, None))
            continue
        frame = frames[label]
        note = score_note(known.status, float(frame.rmse[display.time]))
        plots[label] = estimate_plot(label, note, frame.step.estimate, twin_fields, display)
    return plots


def colorbars(plots: dict[str, FieldPlot], display: DisplayState) -> list[tuple[str, FieldPlot]]:
    """Return the colour bars in use, each with the plot that defines it."""
    estimates = [p for name, p in plots.items() if name not in (TRUTH, OBSERVATIONS)]
    first = next((p for p in estimates if p.values is not None), plots[TRUTH])
    if display.view in DENSITIES:
        return []
    if display.view in ("mean", *SINGLE):
        colorbars = [("Truth and estimates", plots[TRUTH])]
    else:
        name = "Spread" if display.view == "spread" else "Estimate − truth"
        colorbars = [("Truth", plots[TRUTH]), (name, first)]
    return [*colorbars, ("Observations", plots[OBSERVATIONS])]


def gif(images: Sequence[Image.Image]) -> bytes:
    """Encode images as a GIF with the palette of the last one."""
    palette = images[-1].convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
    frames = [p.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
              for p in images]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=PAUSE, loop=0)
    return out.getvalue()


SIZE, DPI = (9.1, 5.2), 100
"""Size in inches, and dots per inch."""

_INK, _GREY = "#1f2937", "#566070"


def profiles(entry: HistoryEntry, display: DisplayState) -> Iterator[Image.Image]:
    """Draw the curves of every step of the window, one image each.

    Args:
        entry: a run of a system whose grid has one row.
        display: selects the variable shown of a ring.
    """
    twin_fields = cast(TwinFields, entry.run.twin_fields)
    system = twin_fields.twin.system
    normalised = {"truth": twin_fields.twin.truth[None]} | {
        label: frame.step.estimate for label, frame in entry.run.frames().items()
    }
    states = {name: (x * system.scale + system.offset).numpy() for name, x in normalised.items()}
    point = system.geometry == "point"
    shown = range(system.shape[0]) if point else [twin_fields.layer(display)]
    curves = {name: x[:, :, shown, 0] for name, x in states.items()}  # (member, time, row, site)
    names = [system.variables[i] for i in shown]
    for step in range(entry.config.window):
        time = f"time {step * system.interval:g}"
        cut = {k: x[:, : step + 1, :, 0] if point else x[:, step].swapaxes(1, 2)
               for k, x in curves.items()}
        at = np.arange(step + 1) * system.interval if point else 1 + np.arange(system.shape[-1])
        end = (entry.config.window - 1) * system.interval if point else system.shape[-1]
        yield _page(at, cut, names, (0.0 if point else 1.0, end), curves["truth"],
                    "time" if point else "site", time)


def _page(
    at: np.ndarray, curves: Mapping[str, np.ndarray], names: list[str],
    ends: tuple[float, float], whole: np.ndarray, along: str, title: str,
) -> Image.Image:
    """Draw one image with a row for each variable.

    Args:
        at: positions along the curves.
        curves: ``(member, position, row)`` by name.
        names: names of the variables, one per row.
        ends: limits of the x axis.
        whole: the truth at all times, ``(1, time, row, site)``, for the y limits.
        along: label of the x axis.
        title: title of the image.
    """
    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    rows = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for i, (axes, name) in enumerate(zip(rows, names, strict=True)):
        for label, values in curves.items():
            _curve(axes, at, values[..., i], label)
        low, high = whole[:, :, i].min(), whole[:, :, i].max()
        axes.set(ylabel=name, xlim=ends, ylim=(low - 0.4 * (high - low), high + 0.4 * (high - low)))
        axes.grid(color="#e5e7eb", linewidth=0.8)
        axes.tick_params(labelsize=8, colors=_GREY)
    rows[-1].set_xlabel(along)
    rows[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=10, color=_INK)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def _curve(axes: Axes, at: np.ndarray, values: np.ndarray, label: str) -> None:
    """Draw the truth in black, or a method in its colour with spread, ``(member, position)``."""
    if label == "truth":
        axes.plot(at, values[0], color=_INK, linewidth=2.2, label=label)
        return
    mean, spread = values.mean(0), values.std(0)
    axes.fill_between(at, mean - spread, mean + spread, color=colour(label), alpha=0.2, linewidth=0)
    axes.plot(at, mean, color=colour(label), linestyle=dash(label), linewidth=1.5, label=label)
