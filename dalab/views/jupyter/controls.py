"""Controls of the notebook widget, bound in both directions to the view-model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as ipw
import param

from ...options import options
from ..model.compatibility import unavailable_methods, unavailable_operators
from ..model.controls import FILE, Controls
from ..model.display import DisplayModel
from ..model.lab import LabModel
from ..pictures.field_plot import SINGLE
from ..pictures.style import legend_glyph
from .binding import STYLE, bind, field, follow, show_while

REPLAY_STEPS, PERIOD = 40, 150
"""Number of frames of a replay, and the time between two of them [ms]."""

_PAGE = ipw.Layout(min_height="200px")


def buttons(model: LabModel, wake: Callable[[], None]) -> ipw.HBox:
    """Make the buttons Run, enabled while no run is going on, and Stop, enabled during a run."""
    size = ipw.Layout(width="84px", height="34px")
    run = ipw.Button(description="Run", icon="play", button_style="primary", layout=size)
    stop = ipw.Button(description="Stop", icon="stop", button_style="danger", layout=size)

    def start(_: Any) -> None:
        model.run()
        wake()

    def update() -> None:
        run.disabled, stop.disabled = model.runs.busy, not model.runs.busy

    run.on_click(start)
    stop.on_click(lambda _: model.stop())
    follow(model.runs, ["busy"], update)
    return ipw.HBox([run, stop])


def tabs(controls: Controls) -> ipw.Tab:
    """Lay out the controls in four groups, as pages of equal height."""
    pages = {
        "Observing network": [
            _checkboxes(controls, "operators", lambda: unavailable_operators(controls.system)),
            flow(field(controls, "mask"), _interval(controls)),
            _selected_options(controls, "mask", controls.mask_options),
            _options_drawer(controls, "operators", controls.operator_options),
            _options_drawer(controls, "operators", controls.own_masks, "A mask for each operator"),
        ],
        "Data": [
            flow(field(controls, "system"), field(controls, "truth"), _path(controls)),
            _fields(controls, "noise", "noise_family"),
            _selected_options(controls, "noise_family", controls.noise_options),
            _optional_fields(controls, "use_assumed_noise", "assumed_noise"),
            _optional_fields(controls, "use_background", "background", "background_kind"),
            flow(field(controls, "prior"), _blend(controls)),
        ],
        "Methods": [
            _checkboxes(
                controls, "methods",
                lambda: unavailable_methods(controls.system, controls.use_cycles), with_glyphs=True,
            ),
            _options_drawer(controls, "methods", controls.method_options),
        ],
        "Run": [_fields(controls, "members", "steps", "seed", "device")],
    }
    tab = ipw.Tab([ipw.VBox(rows, layout=_PAGE) for rows in pages.values()])
    tab.titles = tuple(pages)
    return tab


def display_fields(display: DisplayModel) -> ipw.HBox:
    """Lay out the selection of field, layer, view, member, instrument and time."""
    member = field(display, "member", width=120)
    layer = _choice(display, "layer", 120)

    def update() -> None:
        member.layout.display = "" if display.view in SINGLE else "none"

    follow(display, ["view"], update)
    follow(display, ["system"], lambda: setattr(layer, "description", display.layer_word))
    return flow(
        _choice(display, "quantity", 180), layer, field(display, "view", width=145), member,
        _choice(display, "observed", 140), _times(display),
    )


def _times(display: DisplayModel) -> ipw.Widget:
    """Make the slider of the window step shown."""
    slider = ipw.IntSlider(min=0, max=display.window - 1, style=STYLE,
                           layout=ipw.Layout(width="190px"))

    def update() -> None:
        slider.max, slider.description = display.window - 1, display.step_word.capitalize()

    bind(display, "time", slider)
    follow(display, ["system", "window"], update)
    show_while(slider, display, "shows_cycles", on=False)
    return slider


def replay(display: DisplayModel) -> ipw.HBox:
    """Make a player and a slider to replay the run shown."""
    play = ipw.Play(min=0, max=REPLAY_STEPS, interval=PERIOD, show_repeat=False)
    slider = ipw.FloatSlider(
        min=0.0, max=1.0, step=1 / REPLAY_STEPS, description="Replay", readout_format=".0%",
        style=STYLE, layout=ipw.Layout(width="330px"),
    )
    bind(display, "replay_position", play, to_widget=lambda share: round(REPLAY_STEPS * share),
         from_widget=lambda number: number / REPLAY_STEPS)
    bind(display, "replay_position", slider)

    def update() -> None:
        play.disabled = slider.disabled = not display.replayable

    follow(display, ["replayable"], update)
    row = flow(play, slider)
    show_while(row, display, "shows_cycles", on=False)
    return row


def _interval(controls: Controls) -> ipw.Widget:
    """Make the field of the observation interval, labelled in days or steps."""
    every = field(controls, "interval")

    def update() -> None:
        every.description = f"Every ({controls.step_word}s)"

    follow(controls, ["system"], update)
    return every


def _choice(display: DisplayModel, name: str, width: int) -> ipw.Widget:
    """Make a selector whose entries follow the system or the network."""
    return field(display, name, width=width)


def flow(*widgets: ipw.Widget) -> ipw.HBox:
    layout = ipw.Layout(flex_flow="row wrap", align_items="center", grid_gap="0 10px")
    return ipw.HBox(widgets, layout=layout)


def _fields(owner: param.Parameterized, *names: str) -> ipw.HBox:
    return flow(*(field(owner, name) for name in names))


def _checkboxes(
    controls: Controls, name: str, unavailable: Callable[[], Mapping[str, str]],
    with_glyphs: bool = False,
) -> ipw.HBox:
    """Make one checkbox for each entry of a list parameter.

    Args:
        controls: controls with the parameter.
        name: name of the parameter.
        unavailable: gives the entries that cannot be used now, and the reasons.
        with_glyphs: whether to show the legend glyph of every entry.
    """
    boxes: dict[str, ipw.Checkbox] = {}
    for entry in controls.param[name].objects:
        box = ipw.Checkbox(value=entry in getattr(controls, name), description=entry, indent=False,
                           layout=ipw.Layout(width="124px"))
        box.observe(
            lambda change, entry=entry: _set_entry(controls, name, entry, change.new), "value"
        )
        controls.param.watch(
            lambda event, box=box, entry=entry: setattr(box, "value", entry in event.new), name
        )
        boxes[entry] = box

    def update() -> None:
        why = unavailable()
        for entry, box in boxes.items():
            box.disabled, box.tooltip = entry in why and not box.value, why.get(entry, "")

    follow(controls, ["system", "use_cycles", name], update)
    if not with_glyphs:
        return flow(*boxes.values())
    return flow(*(ipw.HBox([ipw.HTML(legend_glyph(n)), box]) for n, box in boxes.items()))


def _set_entry(controls: Controls, name: str, entry: str, on: bool) -> None:
    """Add an entry to a list parameter or remove it, in the order of the registry."""
    chosen = {*getattr(controls, name), entry} if on else {*getattr(controls, name)} - {entry}
    ordered = [known for known in controls.param[name].objects if known in chosen]
    if set(getattr(controls, name)) != chosen:
        setattr(controls, name, ordered)


def _optional_fields(controls: Controls, switch: str, *names: str) -> ipw.HBox:
    """Make a checkbox, and fields that are enabled while it is ticked."""
    fields = [field(controls, name, width=205) for name in names]

    def update() -> None:
        for widget in fields:
            widget.disabled = not getattr(controls, switch)

    follow(controls, [switch], update)
    return flow(field(controls, switch, width=230), *fields)


def _blend(controls: Controls) -> ipw.Widget:
    """Make the slider between Gaussian and trained prior, disabled if there is no network."""
    slider = field(controls, "blend", width=330)

    def update() -> None:
        slider.disabled = not controls.blendable

    follow(controls, ["prior", "system"], update)
    return slider


def _path(controls: Controls) -> ipw.Widget:
    """Make the field of the truth's path, visible if the truth is a file."""
    path = field(controls, "truth_file", width=420)

    def update() -> None:
        path.layout.display = "" if controls.truth == FILE else "none"

    follow(controls, ["truth"], update)
    return path


def _selected_options(
    controls: Controls, name: str, sets: Mapping[str, param.Parameterized]
) -> ipw.HBox:
    """Lay out the options of the entry selected by the parameter ``name``."""
    holder = flow()

    def update() -> None:
        holder.children = _option_fields(sets[getattr(controls, name)])

    follow(controls, [name], update)
    return holder


def _options_drawer(
    controls: Controls, name: str, sets: Mapping[str, param.Parameterized], title: str = "Options"
) -> ipw.Accordion:
    """Make a drawer with the options of every selected entry."""
    page = ipw.VBox()
    drawer = ipw.Accordion([page], titles=(title,), selected_index=None)

    def fill(*_: Any) -> None:
        if drawer.selected_index is None:
            return
        page.children = [
            part for entry in getattr(controls, name)
            for part in (ipw.HTML(f"<b>{entry}</b>"), flow(*_option_fields(sets[entry])))
            if options(type(sets[entry]))
        ]

    drawer.observe(fill, "selected_index")
    controls.param.watch(fill, name)
    return drawer


def _option_fields(values: param.Parameterized) -> list[ipw.Widget]:
    names = options(type(values))
    return [field(values, name, name.replace("_", " "), width=150) for name in names]
