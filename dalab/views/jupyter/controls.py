"""The fields of the ipywidgets skin, bound both ways to the view-model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import ipywidgets as ipw
import param

from ...registry import options
from ..model.compatibility import unavailable_methods, unavailable_operators
from ..model.controls import FILE
from ..model.form_options import FreeValue
from ..model.lab import LabModel
from ..pictures.style import legend_glyph

REPLAY_STEPS, PERIOD = 40, 150
"""Moments that a replay shows, and milliseconds between two of them."""

_STYLE = {"description_width": "initial"}
_PAGE = ipw.Layout(min_height="200px")


def buttons(model: LabModel, wake: Callable[[], None]) -> ipw.HBox:
    """Run is enabled while nothing runs, Stop while something does."""
    size = ipw.Layout(width="84px", height="34px")
    run = ipw.Button(description="Run", icon="play", button_style="primary", layout=size)
    stop = ipw.Button(description="Stop", icon="stop", button_style="danger", layout=size,
                      disabled=True)

    def start(_: Any) -> None:
        model.run()
        wake()

    def follow(*_: Any) -> None:
        run.disabled, stop.disabled = model.busy, not model.busy

    run.on_click(start)
    stop.on_click(lambda _: model.stop())
    model.param.watch(follow, "state")
    return ipw.HBox([run, stop])


def tabs(model: LabModel) -> ipw.Tab:
    """The controls, in the four groups of the Panel app; pages of one height, so nothing jumps."""
    pages = {
        "Observing network": [
            _checkboxes(model, "operators", unavailable_operators),
            _flow(field(model, "mask"), _with_label(model, field(model, "interval"), _every)),
            _selected_options(model, "mask", model.mask_options),
            _options_drawer(model, "operators", model.operator_options),
            _options_drawer(model, "operators", model.own_masks, "A mask for each operator"),
        ],
        "Data": [
            _flow(field(model, "system"), field(model, "truth"), _path(model)),
            _fields(model, "noise", "noise_family"),
            _selected_options(model, "noise_family", model.noise_options),
            _optional_fields(model, "use_assumed_noise", "assumed_noise"),
            _optional_fields(model, "use_background", "background", "background_kind"),
            _flow(field(model, "prior"), _blend(model)),
        ],
        "Methods": [
            _checkboxes(model, "methods", unavailable_methods, with_glyphs=True),
            _options_drawer(model, "methods", model.method_options),
        ],
        "Run": [_fields(model, "members", "steps", "seed", "device")],
    }
    tab = ipw.Tab([ipw.VBox(rows, layout=_PAGE) for rows in pages.values()])
    tab.titles = tuple(pages)
    return tab


def display_fields(model: LabModel) -> ipw.HBox:
    """What to look at: field, layer, estimates, instrument and day."""
    member = field(model, "member", width=120)
    offered = [
        _choice(model, name, width)
        for name, width in (("quantity", 180), ("layer", 120), ("observed", 140))
    ]

    def update(*_: Any) -> None:
        member.layout.display = "" if model.view == "sample" else "none"

    model.param.watch(update, "view")
    update()
    day = ipw.IntSlider(min=0, max=model.window - 1, style=_STYLE,
                        layout=ipw.Layout(width="190px"))
    return _flow(
        offered[0], _with_label(model, offered[1], lambda m: m.layer_word),
        field(model, "view", width=145), member, offered[2],
        _with_label(model, bind(model, "time", day), lambda m: m.step_word.capitalize()),
    )


def replay(model: LabModel) -> ipw.HBox:
    """A player and a slider through the moments of the run on show, once there are some."""
    play = ipw.Play(min=0, max=REPLAY_STEPS, interval=PERIOD, show_repeat=False)
    slider = ipw.FloatSlider(
        min=0.0, max=1.0, step=1 / REPLAY_STEPS, description="Replay", readout_format=".0%",
        style=_STYLE, layout=ipw.Layout(width="330px"),
    )
    bind(model, "replay_position", play, to_widget=lambda share: round(REPLAY_STEPS * share),
         from_widget=lambda number: number / REPLAY_STEPS)
    bind(model, "replay_position", slider)

    def update(*_: Any) -> None:
        play.disabled = slider.disabled = not model.replayable

    model.param.watch(update, ["state", "fraction"])
    update()
    return _flow(play, slider)


def _every(model: LabModel) -> str:
    return f"Every ({model.step_word}s)"


def _with_label(
    model: LabModel, widget: ipw.Widget, words: Callable[[LabModel], str]
) -> ipw.Widget:
    """Let the label of a widget be that of the chosen system."""

    def follow(*_: Any) -> None:
        widget.description = words(model)

    model.param.watch(follow, "system")
    follow()
    return widget


def _choice(model: LabModel, name: str, width: int) -> ipw.Widget:
    """A field whose list follows the system or the network."""
    dropdown = field(model, name, width=width)

    def follow(event: Any) -> None:
        chosen = getattr(model, name)
        dropdown.options = list(event.new)
        if chosen in event.new:
            dropdown.value = chosen

    model.param.watch(follow, name, what="objects")
    return dropdown


def bind(
    owner: param.Parameterized, name: str, widget: ipw.Widget,
    to_widget: Callable[[Any], Any] = lambda value: value,
    from_widget: Callable[[Any], Any] = lambda value: value,
) -> ipw.Widget:
    """Keep a widget and a parameter equal, converting by ``to_widget`` and ``from_widget``."""
    widget.value = to_widget(getattr(owner, name))
    widget.observe(lambda change: setattr(owner, name, from_widget(change.new)), "value")

    def follow(event: Any) -> None:
        if widget.value != to_widget(event.new):
            widget.value = to_widget(event.new)

    owner.param.watch(follow, name)
    return widget


def field(
    owner: param.Parameterized, name: str, label: str | None = None, width: int = 190
) -> ipw.Widget:
    """The widget that edits a parameter, of the kind that suits it, ``width`` pixels wide."""
    parameter = owner.param[name]
    common = {
        "description": label or parameter.label or name, "style": _STYLE,
        "layout": ipw.Layout(width=f"{width}px"), "tooltip": parameter.doc or "",
    }
    if isinstance(parameter, param.Boolean):
        return bind(owner, name, ipw.Checkbox(indent=False, **common))
    if isinstance(parameter, param.Selector):
        return bind(owner, name, ipw.Dropdown(options=list(parameter.objects), **common))
    if isinstance(parameter, param.Number) and parameter.step:
        low, high = parameter.bounds
        slider = ipw.FloatSlider(min=low, max=high, step=parameter.step, **common)
        return bind(owner, name, slider)
    kind = parameter.kind if isinstance(parameter, FreeValue) else "integer"
    if kind in ("text", "list"):
        return bind(owner, name, ipw.Text(continuous_update=False, **common), to_widget=str)
    if parameter.default is None:
        empty = "as in Run" if kind == "integer" else "auto"
        text = ipw.Text(continuous_update=False, placeholder=empty, **common)
        return bind(owner, name, text, to_widget=_blank, from_widget=_number)
    return bind(owner, name, (ipw.IntText if kind == "integer" else ipw.FloatText)(**common))


def _blank(value: Any) -> str:
    return "" if value is None else str(value)


def _number(text: str) -> Any:
    """The number that a text spells, or the text for the check to complain about."""
    if not text.strip():
        return None
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def _flow(*widgets: ipw.Widget) -> ipw.HBox:
    layout = ipw.Layout(flex_flow="row wrap", align_items="center", grid_gap="0 10px")
    return ipw.HBox(widgets, layout=layout)


def _fields(owner: param.Parameterized, *names: str) -> ipw.HBox:
    return _flow(*(field(owner, name) for name in names))


def _checkboxes(
    model: LabModel, name: str, unavailable: Callable[[str], Mapping[str, str]],
    with_glyphs: bool = False,
) -> ipw.HBox:
    """One checkbox per entry of a list, those of the methods with their looks.

    Args:
        model: has the list.
        name: of its parameter.
        unavailable: what a system does not have, and why.
        with_glyphs: whether every entry has a look.
    """
    boxes: dict[str, ipw.Checkbox] = {}
    for entry in model.param[name].objects:
        box = ipw.Checkbox(value=entry in getattr(model, name), description=entry, indent=False,
                           layout=ipw.Layout(width="124px"))
        box.observe(lambda change, entry=entry: _set_entry(model, name, entry, change.new), "value")
        model.param.watch(
            lambda event, box=box, entry=entry: setattr(box, "value", entry in event.new), name
        )
        boxes[entry] = box

    def follow(*_: Any) -> None:
        why = unavailable(model.system)
        for entry, box in boxes.items():
            box.disabled, box.tooltip = entry in why and not box.value, why.get(entry, "")

    model.param.watch(follow, ["system", name])
    follow()
    if not with_glyphs:
        return _flow(*boxes.values())
    return _flow(*(ipw.HBox([ipw.HTML(legend_glyph(n)), box]) for n, box in boxes.items()))


def _set_entry(model: LabModel, name: str, entry: str, on: bool) -> None:
    """Put an entry into a list or take it out, in the order of the registry."""
    chosen = {*getattr(model, name), entry} if on else {*getattr(model, name)} - {entry}
    ordered = [known for known in model.param[name].objects if known in chosen]
    if set(getattr(model, name)) != chosen:
        setattr(model, name, ordered)


def _optional_fields(model: LabModel, switch: str, *names: str) -> ipw.HBox:
    """A checkbox, and fields that can be edited while it is ticked."""
    fields = [field(model, name, width=205) for name in names]

    def follow(*_: Any) -> None:
        for widget in fields:
            widget.disabled = not getattr(model, switch)

    model.param.watch(follow, switch)
    follow()
    return _flow(field(model, switch, width=230), *fields)


def _blend(model: LabModel) -> ipw.Widget:
    """The slider between the Gaussian and the trained prior; at rest where there is none."""
    slider = field(model, "blend", width=330)

    def follow(*_: Any) -> None:
        slider.disabled = not model.blendable

    model.param.watch(follow, ["prior", "system"])
    follow()
    return slider


def _path(model: LabModel) -> ipw.Widget:
    """Where the user's own truth lies; there while it is wanted."""
    path = field(model, "truth_file", width=420)

    def follow(*_: Any) -> None:
        path.layout.display = "" if model.truth == FILE else "none"

    model.param.watch(follow, "truth")
    follow()
    return path


def _selected_options(
    model: LabModel, name: str, sets: Mapping[str, param.Parameterized]
) -> ipw.HBox:
    """The options of the entry that the parameter ``name`` has chosen."""
    holder = _flow()

    def fill(*_: Any) -> None:
        holder.children = _option_fields(sets[getattr(model, name)])

    model.param.watch(fill, name)
    fill()
    return holder


def _options_drawer(
    model: LabModel, name: str, sets: Mapping[str, param.Parameterized], title: str = "Options"
) -> ipw.Accordion:
    """A drawer with the options of every chosen entry."""
    page = ipw.VBox()
    drawer = ipw.Accordion([page], titles=(title,), selected_index=None)

    def fill(*_: Any) -> None:
        if drawer.selected_index is None:
            return
        page.children = [
            part for entry in getattr(model, name)
            for part in (ipw.HTML(f"<b>{entry}</b>"), _flow(*_option_fields(sets[entry])))
            if options(type(sets[entry]))
        ]

    drawer.observe(fill, "selected_index")
    model.param.watch(fill, name)
    return drawer


def _option_fields(values: param.Parameterized) -> list[ipw.Widget]:
    names = options(type(values))
    return [field(values, name, name.replace("_", " "), width=150) for name in names]
