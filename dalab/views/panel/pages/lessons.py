"""The teaching page: a scenario, what may be changed, a goal, a verdict."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import panel as pn

from ....experiments.lessons.catalogue import SCENARIOS
from ....experiments.lessons.scenario import Choice, Finding, Verdict
from ...model.lessons import Teacher
from ...render.html import STRIP
from ..components.header import Header
from ..fields import STYLES, TICKS
from ..plots.lesson_charts import WIDTH, Charts
from ..reconnect import BACK
from ..template import address, follow, prepare, template

LESSON = "lesson"
"""Name of the lesson in the address of a page."""

_WRITE = f"""
const address = new URL(window.location)
address.searchParams.set("{LESSON}", names[cb_obj.active])
history.replaceState(history.state, "", address)
"""

HINT, EXACT = "Hint", "Exact answer"

_HERE = Path(__file__).parents[1]
_SIDE, _ABOVE = 310, 70
"""Width of the left column, and height of what stands over the charts [pixels]."""

_STYLE = (_HERE / "lessons.css").read_text() + STRIP


def create_teach() -> pn.Template:
    """The teaching page; every call makes an independent session.

    Its runs wait in one line with those of the lab.
    """
    prepare()
    said = address()
    teacher = Teacher()
    for name in said.get(LESSON, []):
        if name in SCENARIOS:
            teacher.lesson = name
    for key in said.get(BACK, []):
        teacher.come_back(key)
    room = Classroom(teacher)
    follow("dalab: lessons", teacher.session.key, room.tick, teacher.leave)
    return template("lessons.html", header=room.header, side=room.side, main=room.main)


class Classroom:
    """The fields and pictures of the page, and how they follow the model.

    Args:
        teacher: the view-model.
    """

    def __init__(self, teacher: Teacher) -> None:
        self.teacher, self.header, self.charts = teacher, Header(), Charts()
        self.lessons = pn.widgets.RadioBoxGroup(
            label="Lessons", options=_lessons(teacher.stars), value=teacher.lesson, width=_SIDE,
            margin=(8, 10), stylesheets=[TICKS],
        )
        self.told, self.hint = _html(width=_SIDE), _html(width=_SIDE)
        self.verdict, self.told_after = (_html(sizing_mode="stretch_width") for _ in range(2))
        self.choices = pn.Column(width=_SIDE + 10, margin=0)
        self.run, self.stop = _button("▶  Run", "primary"), _button("■  Stop", "danger")
        self.help = pn.widgets.CheckBoxGroup(label="Help", options=[HINT],
                                             stylesheets=[TICKS])
        self.side = pn.Column(
            self.lessons, self.told, self.choices, pn.Row(self.run, self.stop, margin=(0, 5)),
            self.help, self.hint, width=_SIDE + 20, margin=0,
        )
        self.main = pn.Column(
            self.verdict, pn.pane.Bokeh(self.charts.layout, margin=0), self.told_after,
            sizing_mode="stretch_width", min_width=WIDTH, margin=0,
        )
        self._bind()
        self._turn()

    def _bind(self) -> None:
        teacher = self.teacher
        self.run.on_click(lambda _: teacher.attempt())
        self.stop.on_click(lambda _: teacher.stop())
        self.header.param.watch(lambda event: self._fit(*event.new), "room")
        self.lessons.link(teacher, value="lesson")
        self.lessons.jscallback(args={"names": list(SCENARIOS)}, value=_WRITE)
        self.help.param.watch(self._assist, "value")
        teacher.param.watch(lambda *events: self._turn(), "lesson")
        teacher.param.watch(lambda *events: self._say(), _SAID)
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
        asked = [HINT] * self.teacher.hinted + [EXACT] * self.teacher.overlaid
        self.help.param.update(value=asked, options=[HINT] + [EXACT] * bool(scenario.exact))
        self._say()
        self._draw()

    def _field(self, choice: Choice) -> pn.widgets.Select:
        field = pn.widgets.Select(
            label=choice.label, options={choice.said(v): v for v in choice.values},
            value=self.teacher.settings[choice.name], width=_SIDE - 20, stylesheets=[STYLES],
        )
        field.param.watch(lambda event: self.teacher.choose(choice.name, event.new), "value")
        return field

    def _assist(self, event: Any) -> None:
        self.teacher.param.update(hinted=HINT in event.new, overlaid=EXACT in event.new)

    def _say(self) -> None:
        teacher = self.teacher
        self.run.disabled, self.stop.disabled = teacher.busy, not teacher.busy
        self.verdict.object = verdict_html(teacher)
        self.hint.object = f"<p class='hint'>{escape(teacher.scenario.hint)}</p>" * teacher.hinted
        why = f"<h3>Why</h3><p class='why'>{escape(teacher.scenario.explanation)}</p>"
        self.told_after.object = why if teacher.solved else ""

    def _draw(self) -> None:
        self.charts.show(self.teacher.panels())

    def _fit(self, width: int, height: int) -> None:
        """Use the room that the window leaves [pixels]."""
        self.charts.place(width - 40, height - _ABOVE)

    def _reward(self) -> None:
        self.lessons.options = _lessons(self.teacher.stars)


_SAID = ["verdict", "busy", "trouble", "hinted", "status", "fraction"]


def verdict_html(teacher: Teacher) -> str:
    """One line: what is going on, or the stars and the numbers of the newest attempt."""
    verdict = teacher.verdict
    if teacher.trouble:
        return _line("trouble", escape(teacher.trouble), "bad")
    if teacher.busy:
        return _line("busy", escape(teacher.status) + _bar(teacher.fraction))
    if verdict is None:
        return _line("idle", "Press Run: as it stands, it fails.")
    if verdict.trouble:
        return _line("failed", escape(verdict.trouble), "bad")
    return _judged(verdict)


def _judged(verdict: Verdict) -> str:
    """Whether the goal is reached, the stars and the numbers."""
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
    """Lessons by what is written beside their buttons."""
    return {
        f"{number}. {s.title}" + (f"  {_stars(stars[name])}" if stars.get(name) else ""): name
        for number, (name, s) in enumerate(SCENARIOS.items(), start=1)
    }


def _html(**keywords: Any) -> pn.pane.HTML:
    return pn.pane.HTML("", margin=(6, 10, 2, 10), stylesheets=[_STYLE], **keywords)


def _button(label: str, kind: str) -> pn.widgets.Button:
    return pn.widgets.Button(label=label, color=kind, width=_SIDE // 2 - 10, height=36,
                             margin=(6, 5, 6, 5))
