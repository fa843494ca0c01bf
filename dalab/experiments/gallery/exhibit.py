"""Exhibits of the gallery: a filter on a problem that is solved exactly, and curves of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..lessons.scenario import Choice, Settings

EXACT, FILTER, OTHER = "exact", "filter", "other"
"""Roles of curves: the exact answer, the filter that is shown, and another one beside it."""


@dataclass(frozen=True)
class Curve:
    """A curve of a chart.

    Args:
        label: what it is.
        role: one of :data:`EXACT`, :data:`FILTER` and :data:`OTHER`.
        x: abscissae, increasing.
        y: values; NaN where there are none.
    """

    label: str
    role: str
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Chart:
    """Curves on common axes.

    Args:
        title: of the chart.
        xlabel: of the horizontal axis.
        ylabel: of the vertical axis.
        curves: the curves, the exact answer first.
        log_x: whether the horizontal axis is logarithmic.
        log_y: whether the vertical axis is.
        highest: value above which curves are cut off, if there is one.
    """

    title: str
    xlabel: str
    ylabel: str
    curves: tuple[Curve, ...]
    log_x: bool = False
    log_y: bool = False
    highest: float | None = None


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A filter where it is wrong.

    Args:
        name: key in addresses and tests.
        title: short title.
        story: what is computed, and what to look at.
        reason: why it is so.
        choices: settings that can be changed.
        draw: function from settings to charts; it runs the filter, in a second or two.
    """

    name: str
    title: str
    story: str
    reason: str
    choices: tuple[Choice, ...]
    draw: Callable[[Settings], tuple[Chart, ...]]

    @property
    def start(self) -> dict[str, object]:
        """Initial settings."""
        return {choice.name: choice.start for choice in self.choices}

    def charts(self, settings: Settings) -> tuple[Chart, ...]:
        """Run the filter and return the charts.

        Raises:
            InputError: for a setting that is not among the choices.
        """
        for choice in self.choices:
            choice.check(settings.get(choice.name))
        return self.draw(settings)
