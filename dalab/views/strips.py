"""The two thin lines of text above the maps: where the run stands, and the colour scales."""

from __future__ import annotations

import html

from .colours import UNOBSERVED, palette
from .display import Picture
from .model import OBSERVATIONS, TRUTH, LabModel

READY = "Choose how the flow is observed, then press Run."
CHANGED = "The settings differ from those of the run shown: press Run to use them."


def strip_html(model: LabModel) -> str:
    """The error if there is one, else the state of the run; and how much of it is done."""
    if model.error:
        kind, text = "error", model.error
    elif model.outdated and not model.busy:
        kind, text = "note", f"{model.status}. {CHANGED}" if model.status else CHANGED
    else:
        kind, text = model.state, model.status or READY
    share = round(100 * model.fraction)
    return (
        f'<div class="lab-strip {kind}" role="status" data-state="{model.state}">'
        f'<span class="lab-text" title="{html.escape(text)}">{html.escape(text)}</span>'
        f'<span class="lab-bar" role="progressbar" aria-label="progress of the run" '
        f'aria-valuenow="{share}" aria-valuemin="0" aria-valuemax="100">'
        f'<i style="width: {share}%"></i></span></div>'
    )


STRIP = """
.lab-strip { display: flex; align-items: center; gap: 14px; height: 34px; padding: 0 12px;
  border-radius: 5px; font-size: 13px; color: var(--lab-ink, #1f2937);
  background: var(--lab-card, #fff); border: 1px solid var(--lab-line, #dfe3e8);
  box-sizing: border-box; font-variant-numeric: tabular-nums; }
.lab-text { flex: 1; min-width: 0; line-height: 1.15; display: -webkit-box; overflow: hidden;
  -webkit-line-clamp: 2; -webkit-box-orient: vertical; }
.lab-strip.error { background: #fdecea; border-color: #d64541; color: #7a1712; font-size: 12.5px; }
.lab-strip.note { background: #fff8e1; border-color: #e0b84c; color: #5c4400; }
.lab-bar { flex: none; width: 170px; height: 8px; border-radius: 4px; overflow: hidden;
  background: var(--lab-line, #dfe3e8); }
.lab-bar i { display: block; height: 100%; background: #0072b2; }
.lab-strip[data-state=done] .lab-bar i { background: #009e73; }
.lab-strip[data-state=cancelled] .lab-bar i { background: #8a94a3; }
.lab-strip[data-state=failed] .lab-bar i { background: #d64541; }
"""


def scale_pictures(model: LabModel) -> list[tuple[str, Picture]]:
    """The colour scales in use: a name, and a picture that is drawn on the scale."""
    truth, seen = model.picture(TRUTH), model.picture(OBSERVATIONS)
    if model.view in ("mean", "sample"):
        return [("Truth and estimates", truth), ("Observations", seen)]
    estimates = (model.picture(name) for name in model.labels)
    shown = next((p for p in estimates if p.values is not None), None)
    name = "Spread" if model.view == "spread" else "Estimate − truth"
    middle = [] if shown is None else [(name, shown)]
    return [("Truth", truth), *middle, ("Observations", seen)]


def scales_html(model: LabModel) -> str:
    """The colour scales in use, each with its ends and units."""
    parts = [_scale(name, picture) for name, picture in scale_pictures(model)]
    swatch = f'<b class="swatch" style="background: {UNOBSERVED}"></b>'
    parts.append(f"<span>{swatch}not observed</span>")
    return f'<div class="lab-scales">{"".join(parts)}</div>'


def _scale(name: str, picture: Picture) -> str:
    colours = ", ".join(palette(picture.kind, 9))
    low = "0" if picture.kind == "sequential" else f"−{picture.limit:g}"
    return (
        f"<span>{name}&ensp;{low}<b style='background: linear-gradient(90deg, {colours})'></b>"
        f"{picture.limit:g}&thinsp;{picture.units}</span>"
    )


SCALES = """
.lab-scales { display: flex; gap: 18px; align-items: center; font-size: 11.5px; height: 20px;
  color: var(--lab-muted, #5b6472); white-space: nowrap; padding-left: 48px; }
.lab-scales b { display: inline-block; width: 90px; height: 9px; margin: 0 5px; border-radius: 2px;
  vertical-align: -1px; }
.lab-scales b.swatch { width: 12px; }
"""
