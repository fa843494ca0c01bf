"""HTML of the status line, the colour bars and the score table."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path

from ...metrics.columns import columns_of
from ...systems import SYSTEMS
from ..model.display import OBSERVATIONS, TRUTH
from ..model.lab import LabModel
from ..pictures.density_plot import density_key
from ..pictures.field_plot import DENSITIES, SINGLE, STAGES, FieldPlot
from ..pictures.style import UNOBSERVED, legend_glyph, palette

THEME = Path(__file__).with_name("theme.css").read_text()
"""CSS variables of the theme."""

READY = "Choose the observing network, then press Run."
CHANGED = "The settings differ from those of the run shown. Press Run to use them."


LAB_STATUS = ["error", "notice", "remark", "opening", "outdated"]
RUN_STATUS = ["state", "status", "fraction", "error"]
"""Parameters of the model, and of its runs, of which the status line is made."""


def status_html(model: LabModel) -> str:
    """Render the status line: the error if there is one, else the state, and a progress bar."""
    runs, (kind, text) = model.runs, _status(model)
    share = round(100 * runs.fraction)
    return (
        f'<div class="lab-status {kind}" role="status" data-state="{runs.state}">'
        f'<span class="lab-text" title="{html.escape(text)}">{html.escape(text)}</span>'
        f'<span class="lab-bar" role="progressbar" aria-label="progress of the run" '
        f'aria-valuenow="{share}" aria-valuemin="0" aria-valuemax="100">'
        f'<i style="width: {share}%"></i></span></div>'
    )


def _status(model: LabModel) -> tuple[str, str]:
    """Return the kind of the line and its words; a run that goes on is reported beside an error."""
    runs, error = model.runs, model.error or model.notice or model.runs.error
    if error:
        return "error", f"{runs.status} · {error}" if runs.busy else error
    if model.opening:
        return "note", f"Opening {model.opening}"
    remark = CHANGED if model.outdated else model.remark
    if remark and not runs.busy:
        return "note", f"{runs.status}. {remark}" if runs.status else remark
    return runs.state, runs.status or READY


STATUS_CSS = """
.lab-status { display: flex; align-items: center; gap: 14px; height: 34px; padding: 0 12px;
  border-radius: 5px; font-size: 13px; color: var(--lab-ink);
  background: var(--lab-card); border: 1px solid var(--lab-line);
  box-sizing: border-box; font-variant-numeric: tabular-nums; }
.lab-text { flex: 1; min-width: 0; line-height: 1.15; display: -webkit-box; overflow: hidden;
  -webkit-line-clamp: 2; -webkit-box-orient: vertical; }
.lab-status.error { background: var(--lab-error-ground);
  border-color: var(--lab-error); color: var(--lab-error); font-size: 12.5px; }
.lab-status.note { background: var(--lab-note-ground); border-color: var(--lab-note);
  color: var(--lab-note); }
.lab-bar { flex: none; width: 170px; height: 8px; border-radius: 4px; overflow: hidden;
  background: var(--lab-line); }
.lab-bar i { display: block; height: 100%; background: var(--lab-accent); }
.lab-status[data-state=done] .lab-bar i { background: var(--lab-good); }
.lab-status[data-state=cancelled] .lab-bar i { background: var(--lab-edge); }
.lab-status[data-state=failed] .lab-bar i { background: var(--lab-danger); }
"""


def colorbar_plots(model: LabModel) -> list[tuple[str, FieldPlot]]:
    """Return the colour bars in use: a name and a plot drawn on that scale."""
    display = model.display
    truth, seen = display.field_plot(TRUTH), display.field_plot(OBSERVATIONS)
    if display.view in DENSITIES:
        return []
    if display.view in ("mean", *SINGLE):
        return [("Truth and estimates", truth), ("Observations", seen)]
    estimates = (display.field_plot(name) for name in model.labels)
    shown = next((p for p in estimates if p.values is not None), None)
    name = "Spread" if display.view == "spread" else "Estimate − truth"
    middle = [] if shown is None else [(name, shown)]
    return [("Truth", truth), *middle, ("Observations", seen)]


TRACERS = "Dots: tracers, the true ones with trails."


def colorbars_html(model: LabModel) -> str:
    """Render the colour bars in use, each with its limits and units; curves need none."""
    display = model.display
    if display.view in DENSITIES:
        system = SYSTEMS.make(display.system)
        stages = any(display.field_plot(name).stages for name in model.labels)
        return f'<div class="lab-colorbars">{density_key(system, display.state, stages)}</div>'
    kind = display.field_plot(TRUTH).axes.kind
    if kind == "attractor":
        lines = f"Lines: from the {display.view} of every member, a dot, to its analysis."
        shown = lines if display.view in STAGES else "Dots: members at the cycle shown."
        return f'<div class="lab-colorbars">Grey: truth. {shown}</div>'
    if kind == "point":
        return '<div class="lab-colorbars">Thick grey: truth. Thin: members.</div>'
    if kind == "flow":
        parts = [colorbar_html(name, plot) for name, plot in colorbar_plots(model)[:-1]]
        return f'<div class="lab-colorbars">{"".join(parts)}<span>{TRACERS}</span></div>'
    parts = [colorbar_html(name, plot) for name, plot in colorbar_plots(model)]
    swatch = f'<b class="swatch" style="background: {UNOBSERVED}"></b>'
    parts.append(f"<span>{swatch}not observed</span>")
    return f'<div class="lab-colorbars">{"".join(parts)}</div>'


def colorbar_html(name: str, plot: FieldPlot) -> str:
    """Render a colour bar with its limits and units."""
    colours = ", ".join(palette(plot.kind, 9))
    low = "0" if plot.kind == "sequential" else f"−{plot.limit:g}"
    return (
        f"<span>{name}&ensp;{low}<b style='background: linear-gradient(90deg, {colours})'></b>"
        f"{plot.limit:g}&thinsp;{plot.units}</span>"
    )


COLORBAR_CSS = """
.lab-colorbars { display: flex; gap: 18px; align-items: center; font-size: 11.5px; height: 20px;
  color: var(--lab-muted); white-space: nowrap; padding-left: 48px; }
.lab-colorbars b { display: inline-block; width: 90px; height: 9px; margin: 0 5px;
  border-radius: 2px; vertical-align: -1px; }
.lab-colorbars b.swatch { width: 12px; }
"""


def scores_html(
    rows: Mapping[str, Mapping[str, float]], cycled: bool = False, dimmed: bool = False
) -> str:
    """Render the score table as plain HTML, without sorting.

    Args:
        rows: scores by label.
        cycled: True for the columns of a cycled experiment.
        dimmed: True for scores that are not of the choices.
    """
    if not rows:
        return ""
    columns = columns_of(cycled, next(iter(rows.values())))
    head = "".join(f"<th title='{html.escape(c.meaning)}'>{c.title}</th>" for c in columns)
    body = "".join(
        f"<tr><td class='name'>{legend_glyph(label)} {label}</td>"
        + "".join(f"<td>{c.cell(row)}</td>" for c in columns) + "</tr>"
        for label, row in rows.items()
    )
    rows_html = f"<tr><th></th>{head}</tr>{body}"
    kind = "lab-scores dimmed" if dimmed else "lab-scores"
    return f"<style>{_TABLE}</style><table class='{kind}'>{rows_html}</table>"


_TABLE = """
.lab-scores { border-collapse: collapse; font-size: 12.5px; font-variant-numeric: tabular-nums; }
.lab-scores th { font-size: 11px; font-weight: 600; }
.lab-scores th, .lab-scores td { padding: 2px 12px; text-align: right; white-space: nowrap; }
.lab-scores td.name { text-align: left; }
.lab-scores.dimmed td:not(.name) { opacity: .6; }
.lab-scores tr { border-bottom: 1px solid var(--jp-border-color2, #dde2e8); }
"""
