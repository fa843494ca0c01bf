"""The teaching page: a scenario, what may be changed, a goal, a verdict."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import panel as pn

from ..experiments.lessons import SCENARIOS
from ..experiments.scenarios import Choice, Finding
from .teach_model import Teacher
from .teach_plots import WIDTH, Charts

PERIOD = 150
"""Milliseconds between two looks at the view-model."""

HINT, EXACT = "Hint", "Exact answer"

_HERE = Path(__file__).parent
_SIDE = 300


def create_teach() -> pn.Template:
    """The teaching page; every call makes an independent session.

    It needs nothing from the network.
    """
    pn.extension(notifications=False)
    lesson = Classroom(Teacher())
    page = pn.Template((_HERE / "teach.html").read_text(), nb_template="")
    page.add_variable("teach_css", (_HERE / "teach.css").read_text())
    page.add_panel("side", lesson.side)
    page.add_panel("main", lesson.main)
    if pn.state.curdoc is not None and pn.state.curdoc.session_context is not None:
        pn.state.curdoc.title = "dalab: lessons"
        pn.state.onload(lambda: pn.state.add_periodic_callback(lesson.tick, period=PERIOD))
        pn.state.on_session_destroyed(lambda context: lesson.teacher.close())
    return page


class Classroom:
    """The fields and pictures of the page, and how they follow the model.

    Args:
        teacher: the view-model.
    """

    def __init__(self, teacher: Teacher) -> None:
        self.teacher = teacher
        self.charts = Charts()
        self.lessons = pn.widgets.RadioBoxGroup(
            label="Lessons", options=_lessons({}), value=teacher.lesson, width=_SIDE
        )
        self.told, self.verdict, self.told_after = _html(_SIDE), _html(WIDTH), _html(WIDTH)
        self.hint = _html(_SIDE)
        self.choices = pn.Column(width=_SIDE, margin=0)
        self.run = pn.widgets.Button(label="Run", color="primary", width=110)
        self.help = pn.widgets.CheckBoxGroup(label="Help", options=[HINT], inline=True)
        self.side = pn.Column(
            self.lessons, self.told, self.choices, self.run,
            self.help, self.hint, width=_SIDE + 20,
        )
        self.main = pn.Column(
            self.verdict, pn.pane.Bokeh(self.charts.layout, margin=0), self.told_after,
            width=WIDTH + 20,
        )
        self._bind()
        self._turn()

    def _bind(self) -> None:
        teacher = self.teacher
        self.run.on_click(lambda _: teacher.attempt())
        self.lessons.link(teacher, value="lesson")
        self.help.param.watch(self._assist, "value")
        teacher.param.watch(lambda *events: self._turn(), "lesson")
        teacher.param.watch(lambda *events: self._say(), ["verdict", "busy", "trouble", "hinted"])
        teacher.param.watch(lambda *events: self._draw(), "overlaid")
        teacher.param.watch(lambda *events: self._reward(), "stars")

    def tick(self) -> None:
        """Follow the model; called several times a second on the session's event loop."""
        if self.teacher.poll():
            self._draw()

    def _turn(self) -> None:
        """Another lesson."""
        scenario = self.teacher.scenario
        self.told.object = (
            f"<h2>{escape(scenario.title)}</h2><p>{escape(scenario.story)}</p>"
            f"<p class='goal'><b>Goal.</b> {escape(scenario.goal)}</p>"
        )
        self.choices.objects = [self._field(choice) for choice in scenario.choices]
        self.help.param.update(value=[], options=[HINT] + [EXACT] * bool(scenario.exact))
        self._say()
        self._draw()

    def _field(self, choice: Choice) -> pn.widgets.Select:
        field = pn.widgets.Select(
            label=choice.label, options={choice.said(v): v for v in choice.values},
            value=self.teacher.settings[choice.name], width=_SIDE - 20,
        )
        field.param.watch(lambda event: self.teacher.choose(choice.name, event.new), "value")
        return field

    def _assist(self, event: Any) -> None:
        self.teacher.param.update(hinted=HINT in event.new, overlaid=EXACT in event.new)

    def _say(self) -> None:
        teacher = self.teacher
        self.run.disabled = teacher.busy
        self.verdict.object = verdict_html(teacher)
        self.hint.object = f"<p class='hint'>{escape(teacher.scenario.hint)}</p>" * teacher.hinted
        why = f"<h3>Why</h3><p>{escape(teacher.scenario.explanation)}</p>"
        self.told_after.object = why if teacher.solved else ""

    def _draw(self) -> None:
        self.charts.show(self.teacher.panels())

    def _reward(self) -> None:
        self.lessons.options = _lessons(self.teacher.stars)


def verdict_html(teacher: Teacher) -> str:
    """One line: what is going on, or the stars and the numbers of the newest attempt."""
    verdict = teacher.verdict
    if teacher.trouble:
        return f"<div class='verdict bad'>{escape(teacher.trouble)}</div>"
    if teacher.busy:
        return "<div class='verdict' data-state='busy'>Running</div>"
    if verdict is None:
        return "<div class='verdict' data-state='idle'>Press Run: as it stands, it fails.</div>"
    if verdict.trouble:
        return f"<div class='verdict bad' data-state='failed'>{escape(verdict.trouble)}</div>"
    words = "Goal reached" if verdict.passed else "Not yet"
    kind, state = ("good", "passed") if verdict.passed else ("bad", "failed")
    numbers = " ".join(_finding_html(finding) for finding in verdict.findings)
    return (
        f"<div class='verdict {kind}' data-state='{state}'><b>{words}</b> "
        f"<span class='stars' aria-label='{verdict.stars} of 3 stars'>{_stars(verdict.stars)}"
        f"</span> {numbers}</div>"
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
    """Lessons by what is written beside their buttons."""
    return {
        f"{number}. {s.title}" + (f"  {_stars(stars[name])}" if stars.get(name) else ""): name
        for number, (name, s) in enumerate(SCENARIOS.items(), start=1)
    }


def _html(width: int) -> pn.pane.HTML:
    return pn.pane.HTML("", width=width, margin=(2, 10), stylesheets=[_STYLE])


_STYLE = """
:host { font-size: 13.5px; line-height: 1.45; color: #1f2937; }
h2 { font-size: 17px; margin: 6px 0 4px; } h3 { font-size: 14px; margin: 6px 0 2px; }
p { margin: 4px 0 8px; } .goal { padding: 8px 10px; background: #e8f1f8; border-radius: 4px; }
.hint { padding: 8px 10px; background: #fff8e1; border-radius: 4px; }
.verdict { padding: 8px 12px; border-radius: 4px; background: #eef1f4; }
.verdict.good { background: #e3f4ee; } .verdict.bad { background: #fdecea; }
.stars { color: #8a5a00; letter-spacing: 2px; } .finding { margin-left: 14px; }
"""
