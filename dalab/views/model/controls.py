"""What a person can choose, as one object: the fields of both interfaces and their config."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import param

from ...errors import InputError
from ...experiments.config import Config
from ...experiments.parts import (
    make_mask,
    make_method,
    make_noise,
    make_operator,
    make_system,
)
from ...experiments.truth import TRUTHS
from ...experiments.validate import BACKGROUND_KINDS, check_masks
from ...methods import METHODS
from ...observations import MASKS, NOISES, OPERATORS
from ...priors.denoisers.blend import Trained
from ...priors.files.bundled import SUFFIX, trained_names
from ...priors.loading import PRIORS
from ...registry import build, options
from ...systems import SYSTEMS
from .compatibility import is_compatible, unavailable_methods, unavailable_operators
from .form_options import FreeValue, editable, text

_DEFAULT = Config()

FILE = "file"
"""The truth is a file of the user's."""


class OwnMask(param.Parameterized):
    """Where one of several operators looks, if it is not where all of them do."""

    mask = FreeValue("", kind="text", label="mask", doc=(
        "where this operator looks, such as stride:4 or gap:size=0.3; empty: where all look"
    ))


class Controls(param.Parameterized):
    """Every choice of the lab, with the words that label it.

    Numbers are kept as they are typed; :mod:`dalab.experiments.validate` judges them. The
    options of operators, masks, noise families and methods come from the registries.
    """

    system = param.Selector(objects=list(SYSTEMS), label="System")
    operators = param.ListSelector(["arctan"], objects=list(OPERATORS), label="Operators")
    mask = param.Selector(objects=list(MASKS), default="random", label="Where")
    interval = FreeValue(_DEFAULT.interval, kind="integer", label="Every (days)")
    noise = FreeValue(_DEFAULT.noise, label="Noise std")
    noise_family = param.Selector(objects=list(NOISES), label="Noise family")
    use_assumed_noise = param.Boolean(False, label="Methods assume another noise")
    assumed_noise = FreeValue(0.2, label="Assumed std")
    use_background = param.Boolean(False, label="Background at the start")
    background = FreeValue(0.1, label="Background std")
    background_kind = param.Selector(objects=list(BACKGROUND_KINDS), label="Background kind")
    truth = param.Selector(objects=[*TRUTHS, FILE], label="Truth")
    truth_file = FreeValue("", kind="text", label="NetCDF or Zarr of PV, in pyqg's layout")
    prior = param.Selector(objects=list(PRIORS), label="Prior")
    blend = param.Number(
        1.0, bounds=(0.0, 1.0), step=0.05, label="Gaussian to trained",
        doc="share of what the network adds to the Gaussian prior",
    )
    methods = param.ListSelector(objects=list(METHODS), label="Methods")
    members = FreeValue(_DEFAULT.members, kind="integer", label="Members")
    steps = FreeValue(_DEFAULT.steps, kind="integer", label="Sampling steps")
    seed = FreeValue(_DEFAULT.seed, kind="integer", label="Seed")
    device = param.Selector(objects=["auto", "cpu", "cuda", "mps"], label="Device",
                            check_on_set=False)

    def __init__(self, **presets: Any) -> None:
        super().__init__()
        self.window = _DEFAULT.window
        self.operator_options = {k: editable(c) for k, c in OPERATORS.items()}
        self.mask_options = {k: editable(c) for k, c in MASKS.items()}
        self.own_masks = {k: OwnMask() for k in OPERATORS}
        self.noise_options = {k: editable(c) for k, c in NOISES.items()}
        self.method_options = {k: editable(c, inherited=["steps"]) for k, c in METHODS.items()}
        self.load(Config.from_dict({"methods": self._default_methods(), **presets}))
        self.param.watch(self._adapt, ["system", "operators", "mask", "prior", "truth"])

    @staticmethod
    def _default_methods() -> list[str]:
        return [name for name in _DEFAULT.methods if name in METHODS]

    def option_sets(self) -> list[param.Parameterized]:
        """Every object that holds options, of all four registries, and the operators' masks."""
        groups = (
            self.operator_options, self.mask_options, self.own_masks, self.noise_options,
            self.method_options,
        )
        return [options for group in groups for options in group.values()]

    def config(self) -> Config:
        """The experiment that the choices make; not checked."""
        return Config(
            system=self.system, window=self.window,
            truth=str(self.truth_file).strip() if self.truth == FILE else self.truth,
            operators=_texts(self.operators, self.operator_options),
            masks=self._masks(), interval=self.interval,
            noise=self.noise, noise_family=text(*_with(self.noise_options, self.noise_family)),
            assumed_noise=self.assumed_noise if self.use_assumed_noise else None,
            background=self.background if self.use_background else None,
            background_kind=self.background_kind, prior=self._prior(),
            methods=_texts(self.methods, self.method_options), members=self.members,
            steps=self.steps, seed=self.seed, device=self.device,
        )

    @property
    def common_mask(self) -> str:
        """Where all operators look that have no mask of their own."""
        return text(*_with(self.mask_options, self.mask))

    def _masks(self) -> tuple[str, ...]:
        """One mask for all operators, or one for each where some have their own."""
        own = [str(self.own_masks[name].mask).strip() for name in self.operators]
        if len(own) < 2 or not any(own):
            return (self.common_mask,)
        return tuple(mask or self.common_mask for mask in own)

    @property
    def step_word(self) -> str:
        """What a step of the window is called: a day where time has units."""
        return make_system(self.system).step_word

    def _adapt(self, *events: Any) -> None:
        """After another system was chosen, and only that: leave out what it does not have."""
        if {event.name for event in events} != {"system"}:
            return
        unavailable = {**unavailable_operators(self.system), **unavailable_methods(self.system)}
        self.param.update(
            operators=[n for n in self.operators if n not in unavailable] or ["identity"],
            methods=[n for n in self.methods if n not in unavailable] or self._default_methods(),
            mask=self.mask if is_compatible(self.common_mask, self.window, self.system) else "full",
            prior=self.prior if self.prior in ("gaussian", self.system) else "auto",
            truth=self.truth if make_system(self.system).other_solvers else "model",
        )

    @property
    def blendable(self) -> bool:
        """Whether the chosen prior has a network to turn up or down."""
        trained = self.system if self.prior == "auto" else self.prior
        return trained.endswith(SUFFIX) or trained in trained_names()

    def _offer(self, prior: str) -> None:
        """Let a prior in a file of the user's be chosen."""
        if prior.endswith(SUFFIX) and prior not in self.param.prior.objects:
            self.param.prior.objects = [*self.param.prior.objects, prior]

    def _prior(self) -> str:
        if self.blend == 1 or not self.blendable:
            return self.prior
        return f"{self.prior}:blend={self.blend:g}"

    def load(self, config: Config) -> None:
        """Set every choice to what a config says.

        Raises:
            InputError: for a text that describes nothing, or something that is named twice.
        """
        check_masks(config)
        _once("operators", _names(config.operators))
        _once("methods", _names(config.methods))
        system = make_system(config.system)
        masks, families = config.masks[:1], [config.noise_family]
        _copy(config.operators, lambda t: make_operator(t, system), self.operator_options)
        _copy(masks, make_mask, self.mask_options)
        _copy(families, make_noise, self.noise_options)
        _copy(config.methods, lambda t: make_method(t, config.steps), self.method_options,
              inherited={"steps": config.steps})
        self._load_masks(config)
        self.window = config.window
        self._offer(config.prior.partition(":")[0])
        self.param.update(
            **{k: getattr(config, k) for k in _SAME}, operators=_names(config.operators),
            mask=_names(config.masks)[0], noise_family=_names([config.noise_family])[0],
            **_truth(config.truth), **_blended(config.prior), methods=_names(config.methods),
            use_assumed_noise=config.assumed_noise is not None,
            use_background=config.background is not None,
            **{k: getattr(config, k) for k in _OPTIONAL if getattr(config, k) is not None},
        )

    def _load_masks(self, config: Config) -> None:
        """The mask of the first operator is that of all; the others have their own, if any."""
        own = dict(zip(_names(config.operators)[1:], config.masks[1:], strict=False))
        for mask in own.values():
            make_mask(mask)
        for name, values in self.own_masks.items():
            values.param.update(mask=own.get(name, ""))


_SAME = (
    "system", "interval", "noise", "background_kind", "members", "steps", "seed", "device",
)
_OPTIONAL = ("assumed_noise", "background")


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


def _once(what: str, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise InputError(
            what, list(names), "must be named once each in the lab",
            "Leave one out, or run this config from Python or the command line.",
        )


def _copy(
    texts: Iterable[str], make: Callable[[str], param.Parameterized],
    sets: Mapping[str, param.Parameterized], inherited: Mapping[str, Any] | None = None,
) -> None:
    """Copy the options of what the texts describe into the sets of the same names."""
    inherited = inherited or {}
    for given in texts:
        source, target = make(given), sets[given.partition(":")[0]]
        values = {key: getattr(source, key) for key in options(type(target))}
        own = {k: None if inherited.get(k, ...) == v else v for k, v in values.items()}
        target.param.update(**own)
