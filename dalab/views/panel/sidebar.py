"""Sidebar of the Panel app: all controls, and the buttons Run and Stop."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping, Sequence

import panel as pn
import param

from ...experiments.config import CYCLED
from ...methods import METHODS
from ...methods.families import families
from ...observations import OPERATORS
from ...options import options
from ..model.compatibility import unavailable_methods, unavailable_operators
from ..model.controls import FILE, Controls
from ..model.lab import LabModel
from ..model.runs import RunModel
from ..pictures.style import legend_glyph
from .components.picker import Picker
from .fields import bind, field, row


def sidebar(model: LabModel) -> pn.Column:
    """Lay out Run and Stop and the controls in six groups."""
    controls = model.controls
    return pn.Column(
        buttons(model), cycle_fields(model),
        heading("System"), system_fields(controls),
        heading("Observing network"), network_fields(controls),
        heading("Data and background"), data_fields(controls),
        heading("Methods"), method_fields(controls),
        heading("Run"), run_fields(controls, model.runs),
        sizing_mode="stretch_width", margin=0,
    )


def heading(text: str) -> pn.pane.HTML:
    """Make the title of a group."""
    return pn.pane.HTML(f"<h2 class='lab-group'>{text}</h2>", margin=(2, 10, 0, 10),
                        sizing_mode="stretch_width", stylesheets=[GROUP_CSS])


GROUP_CSS = """
h2.lab-group { font-size: 11px; font-weight: 650; letter-spacing: .06em; margin: 4px 0 3px;
  text-transform: uppercase; color: var(--lab-ink);
  border-bottom: 1px solid var(--lab-line); padding-bottom: 2px; }
"""


def buttons(model: LabModel) -> pn.Row:
    """Make the buttons Run, enabled while no run is going on, and Stop, enabled during a run."""
    common = {"sizing_mode": "stretch_width", "height": 36, "margin": (6, 4, 4, 4)}
    busy = model.runs.param.busy
    run = pn.widgets.Button(label="▶  Run", color="primary", disabled=busy, **common)
    stop = pn.widgets.Button(label="■  Stop", color="danger", disabled=busy.rx.not_(), **common)
    run.on_click(lambda event: model.run())
    stop.on_click(lambda event: model.stop())
    return row(run, stop)


def cycle_fields(model: LabModel) -> pn.Column:
    """Lay out the switch between a window and cycles, and the fields of cycles while it is on."""
    controls = model.controls
    kinds = pn.widgets.RadioButtonGroup(
        options={"One window": False, "Cycles": True}, sizing_mode="stretch_width", height=30,
        margin=(2, 10, 6, 10), stylesheets=[SWITCH_CSS], label=controls.param.use_cycles.label,
    )
    longer = pn.widgets.Button(
        label="Continue", sizing_mode="stretch_width", height=30, margin=(16, 4, 0, 4),
        disabled=model.runs.param.can_continue.rx.not_(),
    )
    longer.on_click(lambda event: model.continue_run())
    names = [name for name in CYCLED if name != "cycles"]
    names += [""] * (len(names) % 2)
    fields = _column(
        row(field(controls, "cycles"), longer),
        *(row(*(field(controls, name) if name else _spacer() for name in pair))
          for pair in zip(names[::2], names[1::2], strict=True)),
    )
    fields.visible = controls.param.use_cycles
    return _column(bind(controls, "use_cycles", kinds), _note(controls), fields)


def _note(controls: Controls) -> pn.pane.HTML:
    """Make the line that says what the last choice has ruled out."""
    text = controls.param.note.rx()
    return pn.pane.HTML(
        pn.bind(lambda note: f"<div class='lab-left-out' role='status'>{html.escape(note)}</div>",
                controls.param.note),
        visible=text.rx.bool(), margin=(0, 10, 4, 10), sizing_mode="stretch_width",
        stylesheets=[NOTE_CSS],
    )


NOTE_CSS = """
.lab-left-out { font-size: 12px; line-height: 1.25; padding: 4px 8px; border-radius: 4px;
  color: var(--lab-note); background: var(--lab-note-ground); border: 1px solid var(--lab-note); }
"""


SWITCH_CSS = """
.bk-btn-group .bk-btn.bk-btn-default.bk-active { color: var(--lab-on-accent) !important; }
"""


def system_fields(controls: Controls) -> pn.Column:
    """Lay out the controls of system and truth."""
    return _column(row(field(controls, "system"), field(controls, "truth")), _path(controls))


def network_fields(controls: Controls) -> pn.Column:
    """Lay out the controls of operators, masks and observation interval."""
    details = {name: {"meaning": meaning(cls)} for name, cls in OPERATORS.items()}
    return _column(
        _picker(controls, "operators", {"": list(OPERATORS)}, details, unavailable_operators),
        options_drawer("Operator options", controls, "operators", controls.operator_options),
        row(field(controls, "mask"), _interval(controls)),
        selected_options(controls, "mask", controls.mask_options), _own_masks(controls),
    )


def _own_masks(controls: Controls) -> pn.Column:
    """Make a drawer with a mask for each operator, visible if there are several."""
    drawer = options_drawer("A mask for each operator", controls, "operators", controls.own_masks)
    drawer.visible = controls.param.operators.rx.len() > 1
    return drawer


def data_fields(controls: Controls) -> pn.Column:
    """Lay out the controls of noise, assumed noise, background and prior."""
    return _column(
        row(field(controls, "noise"), field(controls, "noise_family")),
        selected_options(controls, "noise_family", controls.noise_options),
        _optional_fields(controls, "use_assumed_noise", "assumed_noise"),
        _optional_fields(controls, "use_background", "background", "background_kind"),
        row(field(controls, "prior"), _blend(controls)),
    )


def _interval(controls: Controls) -> pn.widgets.Widget:
    """Make the field of the observation interval, labelled in days or steps."""
    every = field(controls, "interval")
    every.label = param.bind(lambda _: f"Every ({controls.step_word}s)", controls.param.system)
    return every


def _blend(controls: Controls) -> pn.widgets.Widget:
    """Make the slider between Gaussian and trained prior, disabled if there is no network."""
    slider = field(controls, "blend")
    slider.margin = (0, 14, 6, 4)  # room for the handle
    slider.disabled = param.bind(
        lambda *_: not controls.blendable, controls.param.prior, controls.param.system
    )
    return slider


def method_fields(controls: Controls) -> pn.Column:
    """Lay out the picker of methods, with their legend glyphs, and their options."""
    details = {
        n: {"meaning": meaning(c), "legend_glyph": legend_glyph(n)} for n, c in METHODS.items()
    }
    return _column(
        _picker(controls, "methods", families(), details, unavailable_methods,
                controls.param.use_cycles),
        options_drawer("Method options", controls, "methods", controls.method_options),
    )


def run_fields(controls: Controls, runs: RunModel) -> pn.Column:
    """Lay out the controls of members, sampling steps, seed, device and persistence."""
    return _column(
        row(field(controls, "members"), field(controls, "steps")),
        row(field(controls, "seed"), field(controls, "device")),
        row(persist_toggle(runs)),
    )


def selected_options(
    controls: Controls, name: str, sets: Mapping[str, param.Parameterized]
) -> pn.Column:
    """Lay out the options of the entry selected by the parameter ``name``."""
    holder = _column()

    def fill(event: object = None) -> None:
        holder.objects = option_rows(sets[getattr(controls, name)])

    controls.param.watch(fill, name)
    fill()
    return holder


def option_rows(values: param.Parameterized) -> list[pn.Row]:
    """Lay out a set of options in rows of two or three fields of equal width."""
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
    title: str, controls: Controls, name: str, sets: Mapping[str, param.Parameterized]
) -> pn.Column:
    """Make a drawer with the options of every selected entry, filled when it is opened."""
    handle = pn.widgets.Toggle(label=f"▸ {title}", margin=(2, 10, 4, 10), height=20,
                               stylesheets=[HANDLE_CSS])
    drawer = _column()
    drawer.visible = False

    def fill(event: object = None) -> None:
        handle.label = f"{'▾' if handle.value else '▸'} {title}"
        drawer.visible = handle.value
        if handle.value:
            drawer.objects = list(_sections(getattr(controls, name), sets))

    handle.param.watch(fill, "value")
    controls.param.watch(fill, name)
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
    controls: Controls, name: str, groups: Mapping[str, Sequence[str]],
    details: Mapping[str, Mapping[str, str]], unavailable: Callable[..., dict[str, str]],
    *depends: param.Parameter,
) -> Picker:
    """Make the picker of a list parameter; entries that cannot be used now are disabled.

    Args:
        controls: controls with the parameter.
        name: name of the parameter.
        groups: names by the title of their group.
        details: of every name, see :class:`Picker`.
        unavailable: function from the system, and what it depends on, to reasons by name.
        depends: further parameters of the controls that it takes.
    """
    refused = param.bind(unavailable, controls.param.system, *depends)
    picker = Picker(controls.param[name].label, groups, details, unavailable=refused)
    return bind(controls, name, picker)


def meaning(cls: type) -> str:
    """Return the first paragraph of a docstring in one line."""
    return " ".join((cls.__doc__ or "").partition("\n\n")[0].split())


def _optional_fields(controls: Controls, switch: str, *names: str) -> pn.Column:
    """Make a checkbox, and fields that are visible while it is ticked."""
    gaps = [_spacer()] * (len(names) % 2)
    fields = row(*(field(controls, name) for name in names), *gaps)
    fields.visible = controls.param[switch]
    tick = field(controls, switch)
    tick.margin = (0, 10, 4, 10)
    return _column(tick, fields)


def _path(controls: Controls) -> pn.Row:
    """Make the field of the truth's path, visible if the truth is a file."""
    path = row(field(controls, "truth_file"))
    path.visible = controls.param.truth.rx() == FILE
    return path


def _column(*objects: pn.viewable.Viewable) -> pn.Column:
    return pn.Column(*objects, sizing_mode="stretch_width", margin=0)


KEY = "session"
"""Query argument for the session key; shared links leave it out."""

_WRITE = f"""
const address = new URL(window.location)
if (cb_obj.active.length) address.searchParams.set("{KEY}", key)
else address.searchParams.delete("{KEY}")
history.replaceState(history.state, "", address)
"""


def persist_toggle(runs: RunModel) -> pn.widgets.Widget:
    """Make the checkbox to keep a run; while ticked, the page's address holds the session key."""
    tick = field(runs, "keep_running")
    tick.jscallback(args={"key": runs.session.key}, value=_WRITE)
    return tick
