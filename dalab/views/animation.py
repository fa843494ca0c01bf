"""A run on show as an animation: truth, observations and estimates, step after step."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

from PIL import Image

from .axes import time_label
from .display import Look, Picture, Scene, estimate_picture, observation_picture, truth_picture
from .history import Kept
from .profiles import profiles
from .sheet import Sheet
from .words import score_note

PAUSE = 500
"""Milliseconds between two steps."""

TRUTH, OBSERVATIONS = "truth", "observations"


def animation(kept: Kept, look: Look) -> bytes:
    """A GIF that never ends, one picture for every step of the window.

    Args:
        kept: a run whose truth was prepared.
        look: what is looked at; its time is of no account.
    """
    flat = cast(Scene, kept.watch.scene).twin.system.shape[-2] == 1
    return gif(list((profiles if flat else pages)(kept, look)))


def pages(kept: Kept, look: Look) -> Iterator[Image.Image]:
    """The maps and curves of every step of a flow, as one picture each."""
    scene = cast(Scene, kept.watch.scene)
    sheet = Sheet([TRUTH, OBSERVATIONS, *kept.scores], kept.config.window)
    curves = {label: k.rmse_steps for label, k in kept.scores.items() if len(k.rmse_steps)}
    floor = min(0.05, kept.config.noise / 2.5)
    for time in range(kept.config.window):
        drawn = pictures(kept, scene, replace(look, time=time))
        sheet.show(drawn)
        if not time:
            sheet.show_scales(_scales(drawn, look))
        sheet.show_curves(curves, time, floor, time_label(scene.twin.system))
        yield Image.open(io.BytesIO(sheet.png()))


def pictures(kept: Kept, scene: Scene, look: Look) -> dict[str, Picture]:
    """Truth, observations and estimates, as the look has them."""
    drawn = {TRUTH: truth_picture(scene, look), OBSERVATIONS: observation_picture(scene, look)}
    frames = kept.watch.frames()
    for label, known in kept.scores.items():
        if label not in frames:
            drawn[label] = Picture(label, score_note(known.status, None))
            continue
        frame = frames[label]
        note = score_note(known.status, float(frame.rmse[look.time]))
        drawn[label] = estimate_picture(label, note, frame.step.estimate, scene, look)
    return drawn


def _scales(drawn: dict[str, Picture], look: Look) -> list[tuple[str, Picture]]:
    """The colour scales in use, as over the maps of the lab."""
    estimates = [p for name, p in drawn.items() if name not in (TRUTH, OBSERVATIONS)]
    first = next((p for p in estimates if p.values is not None), drawn[TRUTH])
    if look.view in ("mean", "sample"):
        named = [("Truth and estimates", drawn[TRUTH])]
    else:
        name = "Spread" if look.view == "spread" else "Estimate − truth"
        named = [("Truth", drawn[TRUTH]), (name, first)]
    return [*named, ("Observations", drawn[OBSERVATIONS])]


def gif(pictures: Sequence[Image.Image]) -> bytes:
    """Pictures one after the other, in the colours of the last."""
    palette = pictures[-1].convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
    frames = [p.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
              for p in pictures]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=PAUSE, loop=0)
    return out.getvalue()
