"""Widgets that follow the parameters of the view-model, and set them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import ipywidgets as ipw
import param

from ..model.form_options import FreeValue

STYLE = {"description_width": "initial"}
"""Style of fields whose labels are as wide as they need."""


def follow(owner: param.Parameterized, names: list[str], update: Callable[[], None]) -> None:
    """Call ``update`` now, and whenever one of the named parameters changes."""
    owner.param.watch(lambda *events: update(), names)
    update()


def show_while(
    widget: ipw.Widget, owner: param.Parameterized, name: str, on: bool = True
) -> None:
    """Show a widget while a Boolean parameter has a value."""

    def update() -> None:
        widget.layout.display = "" if getattr(owner, name) is on else "none"

    follow(owner, [name], update)


def bind(
    owner: param.Parameterized, name: str, widget: ipw.Widget,
    to_widget: Callable[[Any], Any] = lambda value: value,
    from_widget: Callable[[Any], Any] = lambda value: value,
) -> ipw.Widget:
    """Keep a widget and a parameter equal, converting by ``to_widget`` and ``from_widget``."""
    widget.value = to_widget(getattr(owner, name))
    widget.observe(lambda change: setattr(owner, name, from_widget(change.new)), "value")

    def receive(event: Any) -> None:
        if widget.value != to_widget(event.new):
            widget.value = to_widget(event.new)

    owner.param.watch(receive, name)
    return widget


def _following(owner: param.Parameterized, name: str, dropdown: ipw.Dropdown) -> ipw.Widget:
    """Bind a dropdown to a selector whose entries may change; what is chosen stays."""
    def receive(event: Any) -> None:
        chosen = getattr(owner, name)
        with dropdown.hold_trait_notifications():
            dropdown.options = list(event.new)
            if chosen in event.new:
                dropdown.value = chosen

    owner.param.watch(receive, name, what="objects")
    return bind(owner, name, dropdown)


def field(
    owner: param.Parameterized, name: str, label: str | None = None, width: int = 190
) -> ipw.Widget:
    """Make the widget that suits a parameter, ``width`` pixels wide."""
    parameter = owner.param[name]
    common = {
        "description": label or parameter.label or name, "style": STYLE,
        "layout": ipw.Layout(width=f"{width}px"), "tooltip": parameter.doc or "",
    }
    if isinstance(parameter, param.Boolean):
        return bind(owner, name, ipw.Checkbox(indent=False, **common))
    if isinstance(parameter, param.Selector):
        return _following(owner, name, ipw.Dropdown(options=list(parameter.objects), **common))
    if isinstance(parameter, param.Number) and parameter.step:
        low, high = parameter.bounds
        slider = ipw.FloatSlider(min=low, max=high, step=parameter.step, **common)
        return bind(owner, name, slider)
    kind = parameter.kind if isinstance(parameter, FreeValue) else "integer"
    if kind in ("text", "list"):
        return bind(owner, name, ipw.Text(continuous_update=False, **common), to_widget=str)
    if parameter.default is None:
        text = ipw.Text(continuous_update=False, placeholder=parameter.placeholder, **common)
        owner.param.watch(lambda event: setattr(text, "placeholder", event.new), name,
                          what="placeholder")
        return bind(owner, name, text, to_widget=_blank, from_widget=_number)
    return bind(owner, name, (ipw.IntText if kind == "integer" else ipw.FloatText)(**common))


def _blank(value: Any) -> str:
    return "" if value is None else str(value)


def _number(text: str) -> Any:
    """Parse a number; return the text itself if it is none, for the check to refuse."""
    if not text.strip():
        return None
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text
