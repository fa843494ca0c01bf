"""Panel widgets bound in both directions to the parameters of the view-model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import panel as pn
import param

from ..model.form_options import FreeValue

STYLES = """
:host { --field-height: 30px; }
label { font-size: 11.5px; color: var(--lab-muted); margin-bottom: 1px; }
input.bk-input, select.bk-input { font-size: 13px; height: 30px; min-height: 30px;
  padding: 2px 8px; border-radius: 4px; color: var(--lab-ink); border-color: var(--lab-edge); }
:is(input, select, textarea).bk-input:focus-visible { outline: 2px solid var(--lab-accent);
  outline-offset: 0; }
"""

TICKS = """
.bk-input-group { display: grid; gap: 4px 6px; }
.bk-input-group > label:nth-of-type(n) { display: flex; align-items: center; gap: 6px;
  margin: 0; font-size: 13px; color: var(--lab-ink); }
.bk-input-group label input { margin: 0; width: 15px; height: 15px; flex: none; }
.bk-input-group label input:focus-visible { outline: 2px solid var(--lab-accent);
  outline-offset: 2px; }
.bk-input-group label span { margin: 0; padding: 0; top: 0; }
"""


class NumberField(pn.widgets.FloatInput):
    """A number field that is blank if its value is ``None``; Panel's own shows NaN."""

    def _process_param_change(self, params: dict[str, Any]) -> dict[str, Any]:
        return super(pn.widgets.FloatInput, self)._process_param_change(params)


def bind(
    owner: param.Parameterized, name: str, widget: pn.widgets.Widget,
    to_widget: Callable[[Any], Any] = lambda value: value,
    from_widget: Callable[[Any], Any] = lambda value: value,
) -> pn.widgets.Widget:
    """Keep a widget and a parameter equal.

    Args:
        owner: object with the parameter.
        name: name of the parameter.
        widget: widget that edits it.
        to_widget: converts the parameter's value to the widget's.
        from_widget: converts the widget's value to the parameter's.
    """
    widget.value = to_widget(getattr(owner, name))
    widget.param.watch(lambda event: setattr(owner, name, from_widget(event.new)), "value")
    owner.param.watch(lambda event: widget.param.update(value=to_widget(event.new)), name)
    return widget


def field(
    owner: param.Parameterized, name: str, *, label: str | None = None,
    with_description: bool = False,
) -> pn.widgets.Widget:
    """Make the widget that suits a parameter.

    Args:
        owner: has the parameter.
        name: of the parameter.
        label: over the field; the parameter's own by default.
        with_description: whether a question mark shows the parameter's documentation.
    """
    parameter = owner.param[name]
    label = label or parameter.label or name
    common = {
        "margin": (0, 4, 6, 4), "sizing_mode": "stretch_width", "stylesheets": [STYLES],
        "min_width": 60,
    }
    if isinstance(parameter, param.Boolean):
        # Bokeh's single checkbox has no label that assistive technology could find
        tick = pn.widgets.CheckBoxGroup(options=[label], **{**common, "stylesheets": [TICKS]})
        return bind(owner, name, tick, to_widget=lambda on: [label] if on else [], from_widget=bool)
    common["label"] = label
    if with_description and parameter.doc:
        common["description"] = parameter.doc
    widget = _widget(parameter, common)
    if getattr(parameter, "placeholder", None) and hasattr(widget, "placeholder"):
        widget.placeholder = parameter.placeholder
        owner.param.watch(lambda event: widget.param.update(placeholder=event.new), name,
                          what="placeholder")
    if isinstance(parameter, param.Selector):
        owner.param.watch(lambda event: widget.param.update(options=list(event.new)), name,
                          what="objects")
    return bind(owner, name, widget, str if _is_text(parameter) else lambda value: value)


def _is_text(parameter: param.Parameter) -> bool:
    return isinstance(parameter, FreeValue) and parameter.kind in ("text", "list")


def _widget(parameter: param.Parameter, common: dict[str, Any]) -> pn.widgets.Widget:
    if isinstance(parameter, param.Selector):
        return pn.widgets.Select(options=list(parameter.objects), **common)
    if _is_text(parameter):
        return pn.widgets.TextInput(**common)
    if isinstance(parameter, param.Number) and parameter.step:
        low, high = parameter.bounds
        return pn.widgets.FloatSlider(start=low, end=high, step=parameter.step, **common)
    if isinstance(parameter, param.Integer) or getattr(parameter, "kind", "") == "integer":
        return pn.widgets.IntInput(step=1, **common)
    step = getattr(parameter, "step", None) or _step(parameter.default)
    return NumberField(step=step, **common)


def _step(default: float | None) -> float:
    """Choose the step of a number field by the order of its default: 0.05 for 0.25, 0.5 for 3."""
    return 0.5 if default and abs(default) >= 1 else 0.05


def row(*widgets: pn.viewable.Viewable, margin: Sequence[int] = (0, 6, 0, 6)) -> pn.Row:
    """Place fields side by side with equal widths."""
    return pn.Row(*widgets, sizing_mode="stretch_width", margin=margin)
