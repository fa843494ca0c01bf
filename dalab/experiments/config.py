"""The description of an experiment as texts and numbers, for files, links and the command line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import param

from ..errors import InputError
from ..options import lookup, options, suggestion
from ..texts import Text, Texts
from ..values import SEEDS, checked, read_json

SMALLEST, LARGEST = 1e-6, 1e6
"""Standard deviations whose squares single precision still tells from zero and infinity."""

LONGEST = 100_000
"""States of the longest window, and intervals from one observation to the next at most."""

CYCLES = 10_000_000
"""Most cycles of an experiment."""

MEMBERS = 100_000
"""Most members of a method, and repeats of an experiment."""

CYCLED = (
    "cycles", "burn_in", "repeats", "start", "missing", "gaps", "keep", "process_noise",
    "model_error", "shocks", "reference",
)
"""Fields that only cycled experiments have."""

REFERENCE = "reference"
"""Label of the filter whose analyses are the posterior that others are compared with."""


class Config(param.Parameterized):
    """A twin experiment in plain data: a truth, how it is observed, and the methods that infer it.

    Configs are frozen, compare by value and can be keys. Parts are registry texts: ``NAME``,
    ``NAME:VALUE`` or ``NAME:option=value,...``; that they name something is checked by
    :meth:`dalab.experiments.experiment.Experiment.of`, the bounds of numbers here.

    Args:
        values: fields that differ from their defaults.

    Raises:
        InputError: for an unknown field, naming the closest one, or a value out of its bounds.
    """

    system = Text("qg64", registry="systems", label="System", doc="dynamical system")
    truth = Text(
        "model", registry="truths", label="Truth",
        doc="source of the true window; or the path of a NetCDF or Zarr file",
    )
    window = param.Integer(9, bounds=(2, LONGEST), label="Window", doc="states in the window")
    operators = Texts(
        ("arctan",), registry="operators", label="Operators",
        doc="observation operators, all active at once",
    )
    masks = Texts(
        ("random:0.25",), registry="masks", label="Where",
        doc="observed cells: one mask for all operators, or one for each; random masks are drawn "
        "for each operator independently",
    )
    interval = param.Integer(
        1, bounds=(1, LONGEST), label="Every",
        doc="window steps from one observation time to the next",
    )
    noise = param.Number(
        0.1, bounds=(SMALLEST, LARGEST), label="Noise std",
        doc="standard deviation of the observation noise, in units of the operator's output",
    )
    noise_family = Text(
        "gaussian", registry="noises", label="Noise family", doc="distribution of the noise"
    )
    assumed_noise = param.Number(
        None, bounds=(SMALLEST, LARGEST), allow_None=True, label="Assumed std",
        doc="standard deviation of the noise as the methods assume it; the true one if left out",
    )
    background = param.Number(
        None, bounds=(SMALLEST, LARGEST), allow_None=True, label="Background std",
        doc="standard deviation of the error of a background on step 0, in normalised units; no "
        "background if left out",
    )
    background_kind = param.Selector(
        default="perturbed", objects=["perturbed", "forecast", "previous"], label="Background kind",
        doc="perturbed: true state plus white noise; forecast: model forecast over one interval "
        "from the true state before the window plus 0.01 N(0, I), its error assumed white; "
        "previous: the true state one interval before plus white noise",
    )
    prior = Text("auto", registry="priors", label="Prior", doc="prior of the windows")
    methods = Texts(
        ("spectral", "letkf", "oi"), registry="methods", label="Methods",
        doc="inference methods, run quickest first; one may appear with several sets of options",
    )
    members = param.Integer(
        8, bounds=(1, MEMBERS), label="Members",
        doc="posterior samples per method; filters have more where their own members say so",
    )
    steps = param.Integer(
        None, bounds=(2, 10**6), allow_None=True, label="Sampling steps",
        doc="sampling steps of the methods that have them, unless their text sets them; each "
        "method's own default if left out",
    )
    cycles = param.Integer(
        None, bounds=(1, CYCLES), allow_None=True, label="Cycles",
        doc="analyses of a cycled experiment, one every interval; a single window if left out",
    )
    burn_in = param.Integer(
        None, bounds=(0, CYCLES), allow_None=True, label="Burn-in",
        doc="first cycles that mean scores leave out; a fifth of them if left out",
    )
    repeats = param.Integer(
        1, bounds=(1, MEMBERS), label="Repeats", doc="independent truths of a cycled experiment"
    )
    start = Text(
        "", label="Start", doc="NetCDF file or Zarr store of states, from which the members of a "
        "cycled experiment are drawn, or normal:mean=0,std=1 for white noise in the units of the "
        "equations, with truth=True of the truths, too; about the background or of the climate if "
        "left out"
    )
    missing = param.Number(
        0.0, bounds=(0.0, 1.0), inclusive_bounds=(True, False), label="Missing",
        doc="probability that a cycle has no observations",
    )
    gaps = Text("", label="Gaps", doc="cycles without observations, such as 100-120,300")
    keep = param.Integer(
        None, bounds=(1, CYCLES), allow_None=True, label="Keep every",
        doc="cycles from one whole ensemble in the result to the next; only the last if left out",
    )
    process_noise = param.Number(
        0.0, bounds=(0.0, LARGEST), label="Process noise",
        doc="standard deviation of the white noise that the truth of a cycled experiment takes at "
        "every interval, normalised",
    )
    model_error = param.Selector(
        default="untold", objects=["untold", "told"], label="Model error",
        doc="told: the filters of a cycled experiment know the covariance of the error that their "
        "model makes in an interval, and add draws of it to their forecasts",
    )
    shocks = Text(
        "", label="Shocks", doc="jumps of the truth of a cycled experiment, PROBABILITY:SIZE at "
        "every interval, relative to its values; several kinds with commas, 0.005:0.5,0.01:0.2"
    )
    reference = Text(
        "", label="Reference", doc="filter of a cycled experiment that runs first and whose "
        "analyses are taken for the true posterior, such as pf:members=100000,jitter=0; the "
        "Wasserstein distances of all others from them are scores; none if left out"
    )
    seed = param.Integer(0, bounds=(0, SEEDS), label="Seed", doc="seed of every random choice")
    device = Text("auto", label="Device", doc="auto, cpu, cuda, cuda:N or mps")

    _REMEDIES = {
        "window": "Use 9, the length of the priors that ship.", "seed": "Use 0.",
        "interval": "Use 1 to observe every step.", "members": "Use 8.", "repeats": "Use 1.",
        "steps": "Leave it out, so that each method takes its own.",
        "cycles": "Leave it out for a single window.", "start": "Leave it out.",
        "burn_in": "Leave it out for a fifth of the cycles.",
        "missing": "Use 0 to observe at every cycle.", "process_noise": "Use 0.",
        "keep": "Leave it out to keep the last ensembles only.",
        "noise": "Use 0.1, or 1e-3 for almost none.",
        "assumed_noise": "Leave it out to assume the true noise.",
        "background": "Use 0.1, or leave it out for no background.",
        "operators": "Add arctan.", "masks": "Add random:0.25.", "methods": "Add spectral.",
        "background_kind": "Use perturbed.", "model_error": "Use untold.",
        "reference": "Leave it out.",
    }

    def __init__(self, **values: Any) -> None:
        known = self.fields()
        for key in values:
            if key not in known:
                remedy = suggestion(key, known, "Remove it.")
                bound = f"must be one of {', '.join(known)}"
                raise InputError("config field", key, bound, remedy)
        super().__init__(**{name: self.checked(name, value) for name, value in values.items()})

    @classmethod
    def fields(cls) -> dict[str, param.Parameter]:
        """The declarations of all fields, by name: defaults, bounds, labels and documentation."""
        return options(cls)

    @classmethod
    def checked(cls, name: str, value: Any) -> Any:
        """A value of a field in its type.

        Raises:
            InputError: if it is of another type, or out of the bounds of the field.
        """
        field, what = cls.fields()[name], _words(name)
        if isinstance(field, param.Selector) and isinstance(value, str):
            return lookup(what, value, {kind: kind for kind in field.objects})
        otherwise = "Shorten it." if isinstance(value, str) else "Put it in quotes."
        return checked(what, field, value, cls._REMEDIES.get(name, otherwise))

    # --- values -----------------------------------------------------------------------------------

    def replace(self, **changes: Any) -> Config:
        """The same experiment with some fields changed."""
        return type(self)(**{**self._values(), **changes})

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.fields()}

    def changed(self) -> dict[str, Any]:
        """The fields that differ from their defaults."""
        known = self.fields()
        return {k: v for k, v in self._values().items() if v != known[k].default}

    @property
    def leads(self) -> int:
        """States of the truth before the window, see :func:`leading_states`."""
        return leading_states(self.background, self.background_kind)

    @property
    def labels(self) -> tuple[str, ...]:
        """Registry names of the methods made unique: ``spectral``, ``letkf``, ``spectral-2``.

        The first one is ``reference`` if there is one.
        """
        labels = unique_labels(self.methods)
        return (REFERENCE, *labels) if self.reference else labels

    @property
    def method_texts(self) -> tuple[str, ...]:
        """Texts of the methods in the order of :attr:`labels`."""
        return (self.reference, *self.methods) if self.reference else self.methods

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{k}={v!r}' for k, v in self.changed().items())})"

    def __str__(self) -> str:
        return "\n".join(f"{name + ':':<17}{_spell(v)}" for name, v in self._values().items())

    def _repr_html_(self) -> str:
        changed = self.changed()
        rows = "".join(
            f"<tr title='{escape(str(p.doc))}'><td>{p.label}</td><td style='text-align:left"
            f"{';font-weight:bold' if name in changed else ''}'>"
            f"{escape(_spell(getattr(self, name)))}</td></tr>"
            for name, p in self.fields().items()
        )
        return f"<table>{rows}</table>"

    def __copy__(self) -> Config:
        return self

    def __deepcopy__(self, memo: object) -> Config:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self).from_json, (self.to_json(),))

    # --- plain data -------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Plain data: strings, numbers, lists and ``None``."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in self._values().items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """The config of plain data; fields that are not named take their defaults.

        Raises:
            InputError: as :class:`Config`.
        """
        if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
            raise InputError(
                "config", values, "must be a mapping of the names of fields to their values",
                "An example: {'members': 8}.",
            )
        return cls(**values)

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces."""
        return canonical(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Config:
        """Inverse of :meth:`to_json`.

        Raises:
            InputError: as :class:`Config`, and for a text that is no JSON.
        """
        return cls.from_dict(read_json(text, "config", "Give what to_json() wrote."))

    def hash(self) -> str:
        """Twelve hexadecimal digits that name the experiment.

        They are of the SHA-256 of :meth:`to_json`, without the fields of cycled experiments that
        have their defaults: windows keep the names that they had before there were any.
        """
        changed, values = self.changed(), self.to_dict()
        named = {k: v for k, v in values.items() if k not in CYCLED or k in changed}
        return hashlib.sha256(canonical(named).encode()).hexdigest()[:12]


def canonical(values: Mapping[str, Any]) -> str:
    """JSON with sorted keys and without spaces."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


for _parameter in Config.fields().values():
    _parameter.constant = True


def _words(name: str) -> str:
    """The name of a field in a message."""
    return name.replace("_", " ")


def _spell(value: Any) -> str:
    """A value of a field as a line of text shows it."""
    if isinstance(value, tuple):
        return ", ".join(value)
    return "-" if value is None else str(value)


def leading_states(background: float | None, kind: str) -> int:
    """States of the truth before the window: one for a background made from the state there."""
    return int(background is not None and kind != "perturbed")


def unique_labels(texts: Iterable[str]) -> tuple[str, ...]:
    """Registry names of the texts made unique: ``spectral``, ``letkf``, ``spectral-2``."""
    made: list[str] = []
    for text in texts:
        name = text.partition(":")[0]
        earlier = sum(label == name or label.startswith(f"{name}-") for label in made)
        made.append(name if not earlier else f"{name}-{earlier + 1}")
    return tuple(made)
