"""The left column of the Panel skin: everything that can be chosen, and Run and Stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import panel as pn
import param

from ...methods import METHODS
from ...methods.families import families
from ...observations import OPERATORS
from ...registry import options
from ..model.compatibility import unavailable_methods, unavailable_operators
from ..model.controls import FILE
from ..model.lab import LabModel
from ..pictures.style import legend_glyph
from .components.picker import Picker
from .fields import bind, field, row


def sidebar(model: LabModel) -> pn.Column:
    """Run and Stop, then the controls in five groups."""
    return pn.Column(
        buttons(model),
        heading("System"), system_fields(model),
        heading("Observing network"), network_fields(model),
        heading("Data and background"), data_fields(model),
        heading("Methods"), method_fields(model),
        heading("Run"), run_fields(model),
        sizing_mode="stretch_width", margin=0,
    )


def heading(text: str) -> pn.pane.HTML:
    """The title of a group."""
    return pn.pane.HTML(f"<h2 class='lab-group'>{text}</h2>", margin=(2, 10, 0, 10),
                        sizing_mode="stretch_width", stylesheets=[GROUP_CSS])


GROUP_CSS = """
h2.lab-group { font-size: 11px; font-weight: 650; letter-spacing: .06em; margin: 4px 0 3px;
  text-transform: uppercase; color: var(--lab-ink);
  border-bottom: 1px solid var(--lab-line); padding-bottom: 2px; }
"""


def buttons(model: LabModel) -> pn.Row:
    """Run is enabled while nothing runs, Stop while something does."""
    common = {"sizing_mode": "stretch_width", "height": 36, "margin": (6, 4, 4, 4)}
    run = pn.widgets.Button(label="▶  Run", color="primary", **common)
    stop = pn.widgets.Button(label="■  Stop", color="danger", **common)
    run.on_click(lambda event: model.run())
    stop.on_click(lambda event: model.stop())

    def follow(*events: object) -> None:
        run.disabled, stop.disabled = model.busy, not model.busy

    model.param.watch(follow, "state")
    follow()
    return row(run, stop)


def system_fields(model: LabModel) -> pn.Column:
    """What evolves, and where its truth comes from."""
    return _column(row(field(model, "system"), field(model, "truth")), _path(model))


def network_fields(model: LabModel) -> pn.Column:
    """What sees the flow, where, and how often."""
    details = {name: {"meaning": meaning(cls)} for name, cls in OPERATORS.items()}
    return _column(
        _picker(model, "operators", {"": list(OPERATORS)}, details, unavailable_operators),
        options_drawer("Operator options", model, "operators", model.operator_options),
        row(field(model, "mask"), _interval(model)),
        selected_options(model, "mask", model.mask_options), _own_masks(model),
    )


def _own_masks(model: LabModel) -> pn.Column:
    """A drawer with a mask for each operator; there while there are several."""
    drawer = options_drawer("A mask for each operator", model, "operators", model.own_masks)

    def follow(*_: object) -> None:
        drawer.visible = len(model.operators) > 1

    model.param.watch(follow, "operators")
    follow()
    return drawer


def data_fields(model: LabModel) -> pn.Column:
    """Noise, what is assumed of it, the background, the truth and the prior."""
    return _column(
        row(field(model, "noise"), field(model, "noise_family")),
        selected_options(model, "noise_family", model.noise_options),
        _optional_fields(model, "use_assumed_noise", "assumed_noise"),
        _optional_fields(model, "use_background", "background", "background_kind"),
        row(field(model, "prior"), _blend(model)),
    )


def _interval(model: LabModel) -> pn.widgets.Widget:
    """How often, in days where the system knows days."""
    every = field(model, "interval")

    def follow(*_: object) -> None:
        every.label = f"Every ({model.step_word}s)"

    model.param.watch(follow, "system")
    follow()
    return every


def _blend(model: LabModel) -> pn.widgets.Widget:
    """The slider between the Gaussian and the trained prior; at rest where there is none."""
    slider = field(model, "blend")
    slider.margin = (0, 14, 6, 4)  # the handle reaches beyond the end

    def follow(*_: object) -> None:
        slider.disabled = not model.blendable

    model.param.watch(follow, ["prior", "system"])
    follow()
    return slider


def method_fields(model: LabModel) -> pn.Column:
    """Which methods, each in its colour, and their options."""
    details = {
        n: {"meaning": meaning(c), "legend_glyph": legend_glyph(n)} for n, c in METHODS.items()
    }
    return _column(
        _picker(model, "methods", families(), details, unavailable_methods),
        options_drawer("Method options", model, "methods", model.method_options),
    )


def run_fields(model: LabModel) -> pn.Column:
    """How many samples, how finely, which randomness, and where to compute."""
    return _column(
        row(field(model, "members"), field(model, "steps")),
        row(field(model, "seed"), field(model, "device")),
        row(persist_toggle(model)),
    )


def selected_options(
    model: LabModel, name: str, sets: Mapping[str, param.Parameterized]
) -> pn.Column:
    """The options of the entry that the parameter ``name`` has chosen."""
    holder = _column()

    def fill(event: object = None) -> None:
        holder.objects = option_rows(sets[getattr(model, name)])

    model.param.watch(fill, name)
    fill()
    return holder


def option_rows(values: param.Parameterized) -> list[pn.Row]:
    """The fields of one set of options, two or three to a row, all of a row equally wide."""
    fields: list[pn.viewable.Viewable] = [
        field(values, name, label=name.replace("_", " "), with_description=True)
        for name in options(type(values))
    ]
    per_row = 2 if len(fields) in (1, 2, 4) else 3
    fields += [_spacer() for _ in range(-len(fields) % per_row)]
    return [row(*fields[i : i + per_row]) for i in range(0, len(fields), per_row)]


def _spacer() -> pn.Spacer:
    return pn.Spacer(sizing_mode="stretch_width", height=1, margin=(0, 4))


def options_drawer(
    title: str, model: LabModel, name: str, sets: Mapping[str, param.Parameterized]
) -> pn.Column:
    """A drawer with the options of every chosen entry; filled when it is first opened."""
    handle = pn.widgets.Toggle(label=f"▸ {title}", margin=(2, 10, 4, 10), height=20,
                               stylesheets=[HANDLE_CSS])
    drawer = _column()
    drawer.visible = False

    def fill(event: object = None) -> None:
        handle.label = f"{'▾' if handle.value else '▸'} {title}"
        drawer.visible = handle.value
        if handle.value:
            drawer.objects = list(_sections(getattr(model, name), sets))

    handle.param.watch(fill, "value")
    model.param.watch(fill, name)
    return _column(handle, drawer)


def _sections(
    names: Iterable[str], sets: Mapping[str, param.Parameterized]
) -> Iterable[pn.viewable.Viewable]:
    for name in names:
        rows = option_rows(sets[name])
        if rows:
            yield pn.pane.HTML(f"<b>{name}</b>", margin=(4, 10, 0, 10))
            yield from rows


HANDLE_CSS = """
.bk-btn.bk-btn-default:is(*, :hover, .bk-active) { background: none !important;
  border: none !important; box-shadow: none !important; padding: 0; text-align: left;
  font-size: 12px; font-weight: 400; color: var(--lab-accent) !important; }
.bk-btn:hover { text-decoration: underline; }
"""


def _picker(
    model: LabModel, name: str, groups: Mapping[str, Sequence[str]],
    details: Mapping[str, Mapping[str, str]], unavailable: Callable[[str], dict[str, str]],
) -> Picker:
    """Ticks for a list of the model; what the system does not have is barred."""
    picker = Picker(model.param[name].label, groups, details, unavailable=unavailable(model.system))
    model.param.watch(
        lambda event: picker.param.update(unavailable=unavailable(event.new)), "system"
    )
    return bind(model, name, picker)


def meaning(cls: type) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join((cls.__doc__ or "").partition("\n\n")[0].split())


def _optional_fields(model: LabModel, switch: str, *names: str) -> pn.Column:
    """A checkbox, and fields that are there while it is ticked."""
    gaps = [_spacer()] * (len(names) % 2)
    fields = row(*(field(model, name) for name in names), *gaps)
    fields.visible = getattr(model, switch)
    model.param.watch(lambda event: fields.param.update(visible=event.new), switch)
    tick = field(model, switch)
    tick.margin = (0, 10, 4, 10)
    return _column(tick, fields)


def _path(model: LabModel) -> pn.Row:
    """Where the user's own truth lies; there while it is wanted."""
    path = row(field(model, "truth_file"))
    path.visible = model.truth == FILE
    model.param.watch(lambda event: path.param.update(visible=event.new == FILE), "truth")
    return path


def _column(*objects: pn.viewable.Viewable) -> pn.Column:
    return pn.Column(*objects, sizing_mode="stretch_width", margin=0)


KEY = "session"
"""Name of the key in the address of a page; links that are shared leave it out."""

_WRITE = f"""
const address = new URL(window.location)
if (cb_obj.active.length) address.searchParams.set("{KEY}", key)
else address.searchParams.delete("{KEY}")
history.replaceState(history.state, "", address)
"""


def persist_toggle(model: LabModel) -> pn.widgets.Widget:
    """The tick; while it is set the address of the page holds the key of the session."""
    tick = field(model, "keep_running")
    tick.jscallback(args={"key": model.session.key}, value=_WRITE)
    return tick
