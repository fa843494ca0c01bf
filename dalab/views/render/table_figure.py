"""Heat maps of a table of experiments: our values, the published ones, and their ratio."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure

from ...experiments.tables.published import INTERVALS, MASKS, OPERATORS, TABLES, published
from ...experiments.tables.sweep import means
from ...files import replacing
from ..pictures.style import UNOBSERVED, palette

LABELS = ("all", "1/4", "1/16", "1/100", "s = 2", "s = 4", "s = 10")
SCORE = "rmse_sample"


def figure(
    values: Mapping[tuple[str, ...], float], method: str, table: str, about: str = ""
) -> Figure:
    """Draw the one-sample RMSE of a method beside a published one.

    Args:
        values: RMSE by (method, setting, operators, mask, interval), from
            :func:`dalab.experiments.tables.sweep.means`; missing values are grey.
        method: registry text of our method, as in ``values``.
        table: key of the published table, which also determines the setting.
        about: description of our experiments: grid, prior, truth, seeds.
    """
    setting, note = TABLES[table].setting, TABLES[table].note
    page = Figure(figsize=(10.5, 9.0), layout="constrained")
    axes = page.subplots(len(OPERATORS), 3, squeeze=False)
    for row, operator in zip(axes, OPERATORS, strict=True):
        ours, theirs = _grids(values, method, table, operator)
        limits = (np.nanmin(theirs), np.nanmax(theirs))
        _heat(row[0], ours, limits, "sequential")
        _heat(row[1], theirs, limits, "sequential")
        _heat(row[2], ours / theirs, (0.5, 2.0), "diverging")
        row[0].set_ylabel(operator)
    for ax, title in zip(axes[0], (method, "published, other grid", "ratio"), strict=True):
        ax.set_title(title, fontsize=10)
    page.suptitle(
        f"RMSE of one sample, setting {setting}. Ours: {about or 'see the table'}.\n"
        f"Published: {note}; 256 x 256, five seeds of one trajectory.", fontsize=10,
    )
    return page


def write(
    values: Mapping[tuple[str, ...], float], method: str, table: str, path: Path, about: str = ""
) -> Path:
    """Draw into a file, in the format of its suffix; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as new:
        figure(values, method, table, about).savefig(new, dpi=150)
    return path


def write_all(rows: Sequence[dict[str, str]], folder: Path, about: str = "") -> list[Path]:
    """Draw every method of a table beside SOAD, in each setting that has rows of it."""
    values = means(rows, SCORE)
    paths = []
    for table in ("soad-I", "soad-II"):
        known = dict.fromkeys(key[0] for key in values if key[1] == TABLES[table].setting)
        for method in known:
            name = re.sub(r"[^a-z0-9.]+", "-", f"{table}-{method}".lower())
            paths.append(write(values, method, table, folder / f"{name}.png", about))
    return paths


def _grids(
    values: Mapping[tuple[str, ...], float], method: str, table: str, operator: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return our values and the published ones, coverage by interval."""
    setting = TABLES[table].setting
    ours = [
        [values.get((method, setting, operator, m, str(n)), np.nan) for n in INTERVALS]
        for m in MASKS
    ]
    theirs = [[published(table, (operator,), m, n) for n in INTERVALS] for m in MASKS]
    return np.array(ours, dtype=float), np.array(theirs, dtype=float)


def _heat(ax: Axes, values: np.ndarray, limits: tuple[float, float], kind: str) -> None:
    low, high = limits
    colours = ListedColormap(palette(kind)).with_extremes(bad=UNOBSERVED)
    image = ax.imshow(values, cmap=colours, norm=LogNorm(low, high, clip=True), aspect="auto")
    ax.set_xticks(range(len(INTERVALS)), [f"N = {n}" for n in INTERVALS], fontsize=8)
    ax.set_yticks(range(len(MASKS)), LABELS, fontsize=8)
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            red, green, blue, _ = image.cmap(image.norm(value))
            dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
            ax.text(
                j, i, f"{value:.3g}", ha="center", va="center", fontsize=7,
                color="white" if dark else "black",
            )
