"""List of the finished runs of a browser: show, compare, download or delete them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from ....errors import InputError
from ....experiments.run import MethodScores
from ....metrics.columns import format_score
from ...model.config_text import difference
from ...model.history import HistoryEntry
from ...model.lab import LabModel
from ...pictures.style import legend_glyph
from ...pictures.wording import duration


@dataclass(frozen=True)
class ComparedScore:
    """A score that is compared between two runs.

    Args:
        key: attribute of :class:`dalab.experiments.run.MethodScores`.
        title: title of its columns.
        digits: digits after the decimal point.
        best: ideal value; ``None`` if there is none.
    """

    key: str
    title: str
    digits: int
    best: float | None

    def cells(self, a: MethodScores | None, b: MethodScores | None) -> list[dict[str, Any]]:
        """Return the text of either run, and whether it is the better one."""
        values = [math.nan if s is None else float(getattr(s, self.key)) for s in (a, b)]
        texts = [format_score(v, self.digits) for v in values]
        away = [math.inf if self.best is None else abs(v - self.best) for v in values]
        better = [away[0] < away[1], away[1] < away[0]]
        distinct = texts[0] != texts[1]
        return [{"text": t, "best": b and distinct} for t, b in zip(texts, better, strict=True)]


COMPARED_SCORES = (
    ComparedScore("rmse_mean", "RMSE mean", 3, 0.0),
    ComparedScore("rmse_sample", "RMSE one", 3, 0.0),
    ComparedScore("crps", "CRPS", 3, 0.0),
    ComparedScore("spread_skill", "Spread / skill", 2, 1.0),
    ComparedScore("network_evaluations", "Calls", 0, None),
    ComparedScore("seconds", "Seconds", 1, None),
)


class RunList(JSComponent):
    """Finished runs of a browser, the newest first.

    Args:
        model: view-model of the session.
    """

    rows = param.List(doc="descriptions of the runs")
    titles = param.List([score.title for score in COMPARED_SCORES], doc="titles of the scores")
    comparison = param.Dict({}, doc="comparison of two runs; empty unless two are selected")

    _esm = Path(__file__).with_name("run_list.js")
    _stylesheets = [Path(__file__).with_name("run_list.css")]

    def __init__(self, model: LabModel, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.model = model
        model.param.watch(lambda *events: self.follow(), "history")
        model.runs.param.watch(lambda *events: self.follow(), ["busy", "shown"])
        self.follow()

    def follow(self) -> None:
        """Update the list."""
        shown = None if self.model.runs.busy else self.model.shown_entry
        rows = [_row(entry, entry is shown) for entry in reversed(self.model.history)]
        if rows != self.rows:
            self.rows = rows

    def _handle_msg(self, data: Mapping[str, Any]) -> None:
        """Handle a message from the buttons."""
        chosen = [k for n in data["numbers"] for k in self.model.history if k.number == n]
        if data["do"] == "compare":
            self.comparison = compare(*chosen) if len(chosen) == 2 else {}
        elif data["do"] == "show" and chosen:
            self._show(chosen[0])
        elif data["do"] == "delete" and chosen:
            self.model.forget(chosen)

    def _show(self, entry: HistoryEntry) -> None:
        try:
            self.model.show(entry)
        except InputError as error:
            self.model.notice = str(error)
        else:
            self.model.page = "Assimilate"
        self.follow()


def runs_page(model: LabModel) -> RunList:
    """Make the list of the runs of a model's session."""
    return RunList(model, sizing_mode="stretch_width", margin=(6, 10))


def compare(a: HistoryEntry, b: HistoryEntry) -> dict[str, Any]:
    """Compare two runs: differences of their configurations, and the scores of all methods."""
    ours, theirs = difference(a.config, b.config), difference(b.config, a.config)
    return {
        "titles": [a.title, b.title],
        "differs": [
            {"name": name.replace("_", " "), "values": [ours[name], theirs[name]]} for name in ours
        ],
        "rows": [
            {
                "name": name, "legend_glyph": legend_glyph(name),
                "cells": [c for score in COMPARED_SCORES
                          for c in score.cells(a.scores.get(name), b.scores.get(name))],
            }
            for name in {**a.scores, **b.scores}
        ],
    }


def _time(when: datetime.datetime) -> str:
    """Format a time, with its day unless that is today."""
    today = when.date() == datetime.date.today()
    return f"{when:%H:%M}" if today else f"{when:%d %b %H:%M}"


def _row(entry: HistoryEntry, shown: bool) -> dict[str, Any]:
    known = entry.summary
    return {
        "number": entry.number, "title": entry.title, "about": entry.about, "shown": shown,
        "when": _time(entry.when), "took": duration(known.elapsed),
        "stopped": known.state != "done",
        "methods": [
            {"name": name, "legend_glyph": legend_glyph(name),
             "rmse": format_score(scores.rmse_mean)}
            for name, scores in entry.scores.items()
        ],
    }
