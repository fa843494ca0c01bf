"""Lessons page: a scenario, its settings, a goal and a verdict."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import panel as pn

from ....experiments.lessons.catalogue import SCENARIOS
from ....experiments.lessons.scenario import Finding, Verdict
from ...model.teaching.lessons import LessonModel
from ...render.html import STATUS_CSS
from ..browser import browser
from ..components.choice_fields import choice_fields
from ..components.header import Header
from ..fields import TICKS
from ..plots.lesson_charts import WIDTH, Charts
from ..reconnect import BACK
from ..template import address, follow, prepare, template, wait_for_screen

LESSON = "lesson"
"""Query argument for the lesson."""

_WRITE = f"""
const address = new URL(window.location)
address.searchParams.set("{LESSON}", names[cb_obj.active])
history.replaceState(history.state, "", address)
"""

WORDS = {
    "about": "Lessons: something is set wrong, find out what", "aside": "Lesson",
    "path": "/lessons",
}

HINT, EXACT = "Hint", "Exact answer"

_HERE = Path(__file__).parents[1]
_SIDE, _ABOVE = 310, 70
"""Width of the left column, and height above the charts [pixels]."""

_STYLE = (_HERE / "teaching.css").read_text() + STATUS_CSS


def create_lessons() -> pn.Template:
    """Make the lessons page; every call makes an independent session.

    Its runs share the queue of the lab.
    """
    prepare()
    arguments = address()
    model = LessonModel()
    model.runs.session.browser = browser()
    wait_for_screen(model)
    for name in arguments.get(LESSON, []):
        if name in SCENARIOS:
            model.lesson = name
    for key in arguments.get(BACK, []):
        model.come_back(key)
    page = LessonPage(model)
    follow("dalab: lessons", model.runs.session.key, page.poll, model.close)
    return template("teaching.html", WORDS, header=page.header, side=page.side, main=page.main)


class LessonPage:
    """Fields and charts of the page, updated from the model.

    Args:
        model: the view-model.
    """

    def __init__(self, model: LessonModel) -> None:
        self.model, self.header, self.charts = model, Header(), Charts()
        self.lessons = pn.widgets.RadioBoxGroup(
            label="Lessons", options=_lessons(model.stars), value=model.lesson, width=_SIDE,
            margin=(8, 10), stylesheets=[TICKS],
        )
        self.story, self.hint = _html(width=_SIDE), _html(width=_SIDE)
        self.verdict, self.explanation = (_html(sizing_mode="stretch_width") for _ in range(2))
        self.choices = pn.Column(width=_SIDE + 10, margin=0)
        busy = model.runs.param.busy
        self.run = _button("▶  Run", "primary", disabled=busy)
        self.stop = _button("■  Stop", "danger", disabled=busy.rx.not_())
        self.help = pn.widgets.CheckBoxGroup(label="Help", options=[HINT],
                                             stylesheets=[TICKS])
        self.side = pn.Column(
            self.lessons, self.story, self.choices, pn.Row(self.run, self.stop, margin=(0, 5)),
            self.help, self.hint, width=_SIDE + 20, margin=0,
        )
        self.main = pn.Column(
            self.verdict, pn.pane.Bokeh(self.charts.layout, margin=0), self.explanation,
            sizing_mode="stretch_width", min_width=WIDTH, margin=0,
        )
        self._bind()
        self._show_lesson()

    def _bind(self) -> None:
        model = self.model
        self.run.on_click(lambda _: model.attempt())
        self.stop.on_click(lambda _: model.stop())
        self.header.param.watch(lambda event: self._resize(*event.new), "available_size")
        self.lessons.link(model, value="lesson")
        self.lessons.jscallback(args={"names": list(SCENARIOS)}, value=_WRITE)
        self.help.param.watch(self._set_help, "value")
        model.param.watch(lambda *events: self._show_lesson(), "lesson")
        model.param.watch(lambda *events: self._show_verdict(), ["verdict", "error", "show_hint"])
        model.runs.param.watch(lambda *events: self._show_progress(), _PROGRESS)
        model.param.watch(lambda *events: self._draw(), "show_exact")
        model.param.watch(lambda *events: self._show_stars(), "stars")

    def poll(self) -> None:
        """Update from the model; called several times a second on the session's event loop."""
        if self.model.poll():
            self._draw()

    def _show_lesson(self) -> None:
        """Show the selected lesson."""
        scenario = self.model.scenario
        self.story.object = (
            f"<h2>{escape(scenario.title)}</h2><p>{escape(scenario.story)}</p>"
            f"<p class='goal'><b>Goal.</b> {escape(scenario.goal)}</p>"
        )
        self.choices.objects = choice_fields(
            scenario.choices, self.model.settings, self.model.choose, _SIDE - 20
        )
        asked = [HINT] * self.model.show_hint + [EXACT] * self.model.show_exact
        self.help.param.update(value=asked, options=[HINT] + [EXACT] * bool(scenario.exact))
        self._show_verdict()
        self._draw()

    def _set_help(self, event: Any) -> None:
        self.model.param.update(show_hint=HINT in event.new, show_exact=EXACT in event.new)

    def _show_progress(self) -> None:
        """Show where an attempt stands; its end is shown with the verdict or the error."""
        if self.model.runs.busy:
            self._show_verdict()

    def _show_verdict(self) -> None:
        model = self.model
        self.verdict.object = verdict_html(model)
        self.hint.object = f"<p class='hint'>{escape(model.scenario.hint)}</p>" * model.show_hint
        why = f"<h3>Why</h3><p class='why'>{escape(model.scenario.explanation)}</p>"
        self.explanation.object = why if model.solved else ""

    def _draw(self) -> None:
        self.charts.show(self.model.plots())

    def _resize(self, width: int, height: int) -> None:
        """Fit the charts into the available space [pixels]."""
        self.charts.set_size(width - 40, height - _ABOVE)

    def _show_stars(self) -> None:
        self.lessons.options = _lessons(self.model.stars)


_PROGRESS = ["status", "fraction", "busy"]


def verdict_html(model: LessonModel) -> str:
    """Render one line: the progress of an attempt, or the verdict on the newest one."""
    verdict = model.verdict
    if model.error:
        return _line("error", escape(model.error), "bad")
    if model.runs.busy:
        return _line("busy", escape(model.runs.status) + _bar(model.runs.fraction))
    if verdict is None:
        return _line("idle", "Press Run: the initial settings fail.")
    if verdict.error:
        return _line("failed", escape(verdict.error), "bad")
    return _verdict_line(verdict)


def _verdict_line(verdict: Verdict) -> str:
    """Render a verdict: goal reached or not, stars and scores."""
    words = "Goal reached" if verdict.passed else "Not yet"
    kind, state = ("good", "passed") if verdict.passed else ("bad", "failed")
    numbers = " ".join(_finding_html(finding) for finding in verdict.findings)
    return _line(
        state, f"<b>{words}</b> <span class='stars' aria-label='{verdict.stars} of 3 stars'>"
        f"{_stars(verdict.stars)}</span> {numbers}", kind,
    )


def _line(state: str, content: str, kind: str = "") -> str:
    return f"<div class='verdict {kind}' role='status' data-state='{state}'>{content}</div>"


def _bar(fraction: float) -> str:
    share = round(100 * fraction)
    return (
        f"<span class='lab-bar' role='progressbar' aria-label='progress of the run' "
        f"aria-valuenow='{share}' aria-valuemin='0' aria-valuemax='100'>"
        f"<i style='width: {share}%'></i></span>"
    )


def _finding_html(finding: Finding) -> str:
    mark = "✓" if finding.passed else "✗"
    return (
        f"<span class='finding'>{mark} {escape(finding.label)} <b>{finding.value:.3g}</b> "
        f"({finding.wanted})</span>"
    )


def _stars(count: int) -> str:
    return "★" * count + "☆" * (3 - count)


def _lessons(stars: dict[str, int]) -> dict[str, str]:
    """Return the lessons by the labels of their buttons."""
    return {
        f"{number}. {s.title}" + (f"  {_stars(stars[name])}" if stars.get(name) else ""): name
        for number, (name, s) in enumerate(SCENARIOS.items(), start=1)
    }


def _html(**keywords: Any) -> pn.pane.HTML:
    return pn.pane.HTML("", margin=(6, 10, 2, 10), stylesheets=[_STYLE], **keywords)


def _button(label: str, kind: str, **keywords: Any) -> pn.widgets.Button:
    return pn.widgets.Button(label=label, color=kind, width=_SIDE // 2 - 10, height=36,
                             margin=(6, 5, 6, 5), **keywords)
