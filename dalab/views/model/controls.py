"""Choices of a person, as one object: the fields of both interfaces, and their config."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import param

from ...errors import InputError
from ...experiments.config import CYCLED, Config, Text, Texts
from ...experiments.from_config import design, sets_steps
from ...experiments.truth import TRUTHS
from ...methods import METHODS
from ...observations import MASKS, NOISES, OPERATORS
from ...options import build, options
from ...priors.denoisers.blend import Trained
from ...priors.files.bundled import SUFFIX, trained_names
from ...registry import REGISTRIES
from ...systems import SYSTEMS
from .compatibility import (
    is_compatible,
    unavailable_methods,
    unavailable_operators,
    unavailable_truths,
)
from .form_options import FreeValue, editable, form_value, text

FILE = "file"
"""The truth is a file of the user's."""

OPTIONAL = {"assumed_noise": 0.2, "background": 0.1, "cycles": 200}
"""Fields that a switch ``use_NAME`` turns on, and their first values."""

PLACEHOLDERS = {
    "steps": "each its own", "burn_in": "a fifth", "keep": "the last", "gaps": "none",
    "shocks": "none", "reference": "none",
}
"""Meanings of fields that are left empty."""


class OwnMask(param.Parameterized):
    """Mask of a single operator; overrides the common mask."""

    mask = FreeValue("", kind="text", label="mask", doc=(
        "observed cells of this operator, such as stride:4 or gap:size=0.3; empty: the common mask"
    ))


class Controls(param.Parameterized):
    """Every choice of the lab, with the words that label it.

    Its parameters are those of :class:`dalab.experiments.config.Config`, as a form edits them:
    numbers are kept as they are typed and checked when they become a config; entries of registries
    are chosen from lists, which are those of the moment when the controls are made. One mask serves
    all operators, unless an operator has its own.

    Args:
        presets: fields of a config.

    Raises:
        InputError: for a preset that names nothing or is out of its bounds.
    """

    mask = param.Selector(objects=[], label="Where", check_on_set=False)
    use_assumed_noise = param.Boolean(False, label="Methods assume another noise")
    use_background = param.Boolean(False, label="Background at the start")
    use_cycles = param.Boolean(
        False, label="Experiment", doc="cycles of forecasts and analyses, or a single window"
    )
    note = param.String("", doc="choices that were left out because the last one rules them out")
    truth_file = FreeValue("", kind="text", label="NetCDF or Zarr of PV, in pyqg's layout")
    blend = param.Number(
        1.0, bounds=(0.0, 1.0), step=0.05, label="Gaussian to trained",
        doc="share of what the network adds to the Gaussian prior",
    )

    def __init__(self, **presets: Any) -> None:
        super().__init__()
        self._set_choices()
        self.window = Config().window
        self.operator_options = {k: editable(c) for k, c in OPERATORS.items()}
        self.mask_options = {k: editable(c) for k, c in MASKS.items()}
        self.own_masks = {k: OwnMask() for k in OPERATORS}
        self.noise_options = {k: editable(c) for k, c in NOISES.items()}
        self.method_options = {k: editable(c, inherited=["steps"]) for k, c in METHODS.items()}
        self.load(Config.from_dict({"methods": self._default_methods(), **presets}))
        self.param.watch(
            self._adapt,
            ["system", "operators", "mask", "prior", "truth", "methods", "use_cycles"],
        )
        self.param.watch(self._show_steps, "steps")
        self._show_steps()
        self._offer_truths()

    def _set_choices(self) -> None:
        """Offer what is registered by now."""
        for name, field in Config.fields().items():
            registry = getattr(field, "registry", None)
            if name in self.param and registry in REGISTRIES:
                self.param[name].objects = list(REGISTRIES[registry])
        self.param.mask.objects = list(MASKS)
        self.param.truth.objects = [*TRUTHS, FILE]

    def _show_steps(self, event: object = None) -> None:
        """Show the sampling steps of every method that does not set its own in its empty field."""
        for name, values in self.method_options.items():
            if "steps" in values.param:
                own = METHODS[name].param["steps"].default
                values.param["steps"].placeholder = str(own if self.steps is None else self.steps)

    @staticmethod
    def _default_methods() -> list[str]:
        return [name for name in Config().methods if name in METHODS]

    def option_sets(self) -> list[param.Parameterized]:
        """Every object that holds options, of all four registries, and the operators' masks."""
        groups = (
            self.operator_options, self.mask_options, self.own_masks, self.noise_options,
            self.method_options,
        )
        return [options for group in groups for options in group.values()]

    def config(self) -> Config:
        """The experiment that the choices make.

        Raises:
            InputError: for a number that is out of its bounds, or none.
        """
        values = {name: getattr(self, name) for name in Config.fields() if name != "masks"}
        values |= {name: None for name in OPTIONAL if not getattr(self, f"use_{name}")}
        if not self.use_cycles:
            values |= {name: Config.fields()[name].default for name in CYCLED}
        return Config(**values | {
            "truth": str(self.truth_file).strip() if self.truth == FILE else self.truth,
            "operators": _texts(self.operators, self.operator_options),
            "masks": self.masks, "prior": self._prior(),
            "noise_family": text(*_with(self.noise_options, self.noise_family)),
            "methods": _texts(self.methods, self.method_options),
        })

    @property
    def common_mask(self) -> str:
        """Mask of all operators that have none of their own."""
        return text(*_with(self.mask_options, self.mask))

    @property
    def masks(self) -> tuple[str, ...]:
        """One mask for all operators, or one for each where some have their own."""
        own = [str(self.own_masks[name].mask).strip() for name in self.operators]
        if len(own) < 2 or not any(own):
            return (self.common_mask,)
        return tuple(mask or self.common_mask for mask in own)

    @property
    def step_word(self) -> str:
        """Name of a step of the window: a day where time has units."""
        return SYSTEMS.make(self.system).step_word

    def _adapt(self, *events: Any) -> None:
        """After another system or kind was chosen, and only that: leave out what it rules out."""
        changed = {event.name for event in events}
        self.note = ""
        if changed == {"system"}:
            self._fit_system()
        if changed in ({"system"}, {"use_cycles"}):
            self._leave_out()
        self._offer_truths()

    def _fit_system(self) -> None:
        """Leave out the operators, the mask and the prior that the system does not have."""
        unavailable = unavailable_operators(self.system)
        self.param.update(
            operators=[n for n in self.operators if n not in unavailable] or ["identity"],
            mask=self.mask if is_compatible(self.common_mask, self.window, self.system) else "full",
            prior=self.prior if self.prior in ("gaussian", self.system) else "auto",
        )

    def _leave_out(self) -> None:
        """Leave out the truth and the methods that cannot be used, and say so."""
        truths = unavailable_truths(self.system, self.use_cycles)
        unavailable = unavailable_methods(self.system, self.use_cycles)
        parts = [f"truth {self.truth}, which {truths[self.truth]}: model instead"] \
            if self.truth in truths else []
        parts += [f"{n}, which {unavailable[n]}" for n in self.methods if n in unavailable]
        kept = [name for name in self.methods if name not in unavailable]
        self.param.update(
            methods=kept or self._default_methods(),
            truth="model" if self.truth in truths else self.truth,
        )
        self.note = f"Left out: {'; '.join(parts)}." if parts else ""

    def _offer_truths(self) -> None:
        """Offer the truths that can be used, and the one that is chosen."""
        refused = unavailable_truths(self.system, self.use_cycles)
        offered = [name for name in TRUTHS if name not in refused or name == self.truth]
        if [*offered, FILE] != self.param.truth.objects:
            self.param.truth.objects = [*offered, FILE]

    @property
    def blendable(self) -> bool:
        """True if the chosen prior has a network to turn up or down."""
        trained = self.system if self.prior == "auto" else self.prior
        return trained.endswith(SUFFIX) or trained in trained_names()

    def _offer(self, name: str, choice: str) -> None:
        """Let something be chosen that is not in a registry under its text."""
        field = self.param[name]
        if choice not in field.objects:
            field.objects = [*field.objects, choice]

    def _prior(self) -> str:
        if self.blend == 1 or not self.blendable:
            return self.prior
        return f"{self.prior}:blend={self.blend:g}"

    def load(self, config: Config) -> None:
        """Set every choice to what a config says.

        Raises:
            InputError: for a text that describes nothing, or something that is named twice.
        """
        _check_unique("operators", _names(config.operators))
        _check_unique("methods", _names(config.methods))
        system = SYSTEMS.make(config.system)
        planned = design(config, system)
        _copy(config.operators, planned.operators, self.operator_options)
        _copy(config.masks[:1], planned.masks[:1], self.mask_options)
        _copy([config.noise_family], [planned.noise_family], self.noise_options)
        _copy(config.methods, [METHODS.make(t) for t in config.methods], self.method_options)
        self._load_masks(config)
        self.window = config.window
        prior = config.prior.partition(":")[0]
        if prior.endswith(SUFFIX):
            self._offer("prior", prior)
        self._offer("system", config.system)
        self._offer("truth", _truth(config.truth)["truth"])
        chosen = {name: getattr(config, name) for name in Config.fields() if name in self.param}
        given = {name: chosen.pop(name) for name in OPTIONAL}
        self.param.update(**chosen | {
            "operators": _names(config.operators), "mask": _names(config.masks)[0],
            "noise_family": _names([config.noise_family])[0], "methods": _names(config.methods),
            **_truth(config.truth), **_blended(config.prior),
            **{f"use_{name}": value is not None for name, value in given.items()},
            **{name: value for name, value in given.items() if value is not None},
        })

    def _load_masks(self, config: Config) -> None:
        """The mask of the first operator is that of all; the others have their own, if any."""
        own = dict(zip(_names(config.operators)[1:], config.masks[1:], strict=False))
        for name, values in self.own_masks.items():
            values.param.update(mask=own.get(name, ""))


def _control(name: str, field: param.Parameter) -> param.Parameter:
    """The parameter by which a form edits a field of a config."""
    if isinstance(field, Texts):
        return param.ListSelector(list(field.default), objects=list(field.default),
                                  label=field.label, doc=field.doc)
    if isinstance(field, Text) and (field.registry or name == "device"):
        names = DEVICES if field.registry is None else [field.default]
        return param.Selector(default=field.default, objects=names, label=field.label,
                              doc=field.doc, check_on_set=field.registry is not None)
    return form_value(field, default=OPTIONAL.get(name, field.default))


DEVICES = ["auto", "cpu", "cuda", "mps"]

for _name, _field in Config.fields().items():
    if _name not in ("window", "masks"):
        Controls.param.add_parameter(_name, _control(_name, _field))
for _name, _text in PLACEHOLDERS.items():
    Controls.param[_name].placeholder = _text


def _truth(source: str) -> dict[str, str]:
    return {"truth": source} if source in TRUTHS else {"truth": FILE, "truth_file": source}


def _blended(prior: str) -> dict[str, Any]:
    name, _, chosen = prior.partition(":")
    return {"prior": name, "blend": build("prior", prior, {name: Trained}).blend if chosen else 1.0}


def _with(sets: Mapping[str, param.Parameterized], name: str) -> tuple[str, param.Parameterized]:
    return name, sets[name]


def _texts(names: Iterable[str], sets: Mapping[str, param.Parameterized]) -> tuple[str, ...]:
    return tuple(text(name, sets[name]) for name in names)


def _names(texts: Iterable[str]) -> list[str]:
    return [t.partition(":")[0] for t in texts]


def _check_unique(what: str, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise InputError(
            what, list(names), "must be named once each in the lab",
            "Leave one out, or run this config from Python or the command line.",
        )


def _copy(
    texts: Iterable[str], made: Iterable[Any], sets: Mapping[str, param.Parameterized]
) -> None:
    """Copy the options of what the texts describe into the sets of the same names."""
    for given, source in zip(texts, made, strict=True):
        target = sets[given.partition(":")[0]]
        values = {key: getattr(source, key) for key in options(type(target))}
        if "steps" in values and not sets_steps(given, type(source)):
            values["steps"] = None
        target.param.update(**values)
