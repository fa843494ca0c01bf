"""Gallery page: filters where they are wrong, beside the exact answer."""

from __future__ import annotations

from html import escape
from pathlib import Path

import panel as pn

from ....experiments.gallery.catalogue import EXHIBITS
from ...model.teaching.gallery import GalleryModel
from ...render.html import STATUS_CSS
from ..components.choice_fields import choice_fields
from ..components.header import Header
from ..fields import TICKS
from ..plots.gallery_charts import draw_chart
from ..template import address, follow, prepare, template, wait_for_screen

EXHIBIT = "exhibit"
"""Query argument for the exhibit."""

_WRITE = f"""
const address = new URL(window.location)
address.searchParams.set("{EXHIBIT}", names[cb_obj.active])
history.replaceState(history.state, "", address)
"""

WORDS = {
    "about": "Where filters fail, beside the exact answer", "aside": "Exhibit", "path": "/gallery",
}

_SIDE, _LEGEND, _WIDTH, _HEIGHT = 310, 230, 520, 190
"""Widths of the left column and of legends, and least size of a chart [pixels]."""

_STYLE = (Path(__file__).parents[1] / "teaching.css").read_text() + STATUS_CSS


def create_gallery() -> pn.Template:
    """Make the gallery page; every call makes an independent session."""
    prepare()
    model = GalleryModel()
    wait_for_screen(model)
    for name in address().get(EXHIBIT, []):
        if name in EXHIBITS:
            model.exhibit = name
    page = GalleryPage(model)
    follow("dalab: where filters fail", "", page.model.poll, model.close)
    return template("teaching.html", WORDS, header=page.header, side=page.side, main=page.main)


class GalleryPage:
    """Fields and charts of the page, updated from the model.

    Args:
        model: the view-model.
    """

    def __init__(self, model: GalleryModel) -> None:
        self.model, self.header, self.size = model, Header(), (_WIDTH, _HEIGHT)
        self.exhibits = pn.widgets.RadioBoxGroup(
            label="Exhibits", value=model.exhibit, width=_SIDE, margin=(8, 10),
            options={f"{i}. {e.title}": name for i, (name, e) in enumerate(EXHIBITS.items(), 1)},
            stylesheets=[TICKS],
        )
        self.story = _html(width=_SIDE)
        self.status, self.reason = (_html(sizing_mode="stretch_width") for _ in range(2))
        self.choices = pn.Column(width=_SIDE + 10, margin=0)
        self.charts = pn.Column(sizing_mode="stretch_width", margin=0)
        self.side = pn.Column(self.exhibits, self.story, self.choices, width=_SIDE + 20, margin=0)
        self.main = pn.Column(
            self.status, self.charts, self.reason, sizing_mode="stretch_width", margin=0,
            min_width=_WIDTH + _LEGEND,
        )
        self._bind()
        self._show_exhibit()

    def _bind(self) -> None:
        model = self.model
        self.exhibits.link(model, value="exhibit")
        self.exhibits.jscallback(args={"names": list(EXHIBITS)}, value=_WRITE)
        self.header.param.watch(lambda event: self._resize(*event.new), "available_size")
        model.param.watch(lambda *events: self._show_exhibit(), "exhibit")
        model.param.watch(lambda *events: self._show_status(), ["busy", "error"])
        model.param.watch(lambda *events: self._draw(), "charts")

    def _show_exhibit(self) -> None:
        """Show the words and the choices of the selected exhibit."""
        shown = self.model.shown
        self.story.object = f"<h2>{escape(shown.title)}</h2><p>{escape(shown.story)}</p>"
        self.reason.object = f"<h3>Why</h3><p class='why'>{escape(shown.reason)}</p>"
        self.choices.objects = choice_fields(
            shown.choices, self.model.settings, self.model.choose, _SIDE - 20
        )
        self._show_status()

    def _show_status(self) -> None:
        model = self.model
        state = "busy" if model.busy else "failed" if model.error else "done"
        text = "The filter is running." if model.busy else (
            model.error or "The filter has run with these settings."
        )
        self.status.object = (
            f"<div class='verdict {'bad' * (state == 'failed')}' role='status' "
            f"data-state='{state}'>{escape(text)}</div>"
        )
        self.charts.styles = {"opacity": "0.45" if model.busy else "1"}

    def _draw(self) -> None:
        if self.model.charts:
            self.charts.objects = [
                pn.pane.Bokeh(draw_chart(chart, *self.size), margin=0)
                for chart in self.model.charts
            ]

    def _resize(self, width: int, height: int) -> None:
        """Fit the charts into the available space [pixels]."""
        self.size = max(width - _LEGEND - 110, _WIDTH), max(height // 2 - 130, _HEIGHT)
        self._draw()


def _html(**keywords: object) -> pn.pane.HTML:
    return pn.pane.HTML("", margin=(6, 10, 2, 10), stylesheets=[_STYLE], **keywords)
