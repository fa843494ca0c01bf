"""Exports of the run shown: result, figure, animation and scores, as bytes."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ...experiments.results.store import save
from ...files import unfinished_folder
from ...metrics.table import to_pandas
from ..model.history import HistoryEntry
from ..pictures.field_plot import DisplayState
from .animation import animation, gif
from .cycle_images import MOST, cycle_images
from .result_figure import figure

WORKER = ThreadPoolExecutor(1, thread_name_prefix="lab files")
"""Single worker that makes the files of all sessions: Matplotlib is not thread-safe."""


@dataclass(frozen=True)
class Format:
    """A file format.

    Args:
        title: name of the format.
        about: description of its contents.
        suffix: suffix of the file name.
        kind: media type.
        make: function from the run shown and the display state to the bytes.
    """

    title: str
    about: str
    suffix: str
    kind: str
    make: Callable[[HistoryEntry, DisplayState], bytes]


def _netcdf(entry: HistoryEntry, display: DisplayState) -> bytes:
    with unfinished_folder(Path(tempfile.gettempdir())) as folder:
        return save(entry.result, folder / "result.nc").read_bytes()


def _png(entry: HistoryEntry, display: DisplayState) -> bytes:
    page = io.BytesIO()
    if entry.run.cycled:
        [image] = cycle_images(entry, display, 1)
        image.save(page, "PNG")
        return page.getvalue()
    figure(entry.result, display.time, display.layer).savefig(page, format="png", dpi=150)
    return page.getvalue()


def _gif(entry: HistoryEntry, display: DisplayState) -> bytes:
    if entry.run.cycled:
        return gif(list(cycle_images(entry, display, MOST)))
    return animation(entry, display)


def _csv(entry: HistoryEntry, display: DisplayState) -> bytes:
    return to_pandas(entry.result).to_csv(index=False).encode()


FORMATS: Mapping[str, Format] = {
    "netcdf": Format("NetCDF", "truth, observations, members, scores and configuration", "nc",
                     "application/x-netcdf", _netcdf),
    "png": Format("PNG", "one figure with maps and curves", "png", "image/png", _png),
    "gif": Format("GIF", "the estimates, step by step", "gif", "image/gif", _gif),
    "csv": Format("CSV", "scores, one row per method and step", "csv", "text/csv", _csv),
}
