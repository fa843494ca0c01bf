"""From made parts back to texts, as far as texts can make them again."""

from __future__ import annotations

from typing import Any

import param
from torch import Tensor

from ..methods import METHODS
from ..observations import MASKS, NOISES, OPERATORS, Mask
from ..observations.cells import encode
from ..options import with_options
from ..priors import PRIORS, Prior, load_prior
from ..registry import Registry, kebab
from ..systems import SYSTEMS, System
from .config import Config
from .parts.deferred_prior import text_of_pending

ARRAY = "array"
"""The text of a truth that is given as numbers."""


def describe(parts: Any) -> tuple[Config, frozenset[str]]:
    """The texts of an experiment, and the fields whose texts cannot make their parts again.

    Parts that no registry knows are described by their own names or those of their classes.

    Args:
        parts: an :class:`~dalab.experiments.experiment.Experiment`, perhaps without its config.

    Raises:
        InputError: for a number out of its bounds.
    """
    writer = _Writer()
    network = parts.network
    config = Config(
        system=writer.text("system", parts.system, SYSTEMS),
        truth=writer.states("truth", parts.truth), window=parts.window,
        operators=[writer.text("operators", o, OPERATORS) for o in network.operators],
        masks=[writer.mask(m) for m in network.masks], interval=network.interval,
        noise=network.noise, assumed_noise=network.assumed_noise,
        noise_family=writer.text("noise_family", network.noise_family, NOISES),
        background=parts.background, background_kind=parts.background_kind,
        prior=text_of_pending(parts) or writer.prior(parts.prior, parts.system),
        methods=[
            writer.text("methods", method, METHODS) for label, method in parts.methods.items()
            if label != parts.reference_label
        ],
        **_cycled(parts, writer), members=parts.members, seed=parts.seed, device=str(parts.device),
    )
    return config, frozenset(writer.own)


def _cycled(parts: Any, writer: _Writer) -> dict[str, Any]:
    """The fields of a cycled experiment."""
    schedule, reference = parts.schedule, parts.reference_label
    if schedule is None:
        return {}
    return {
        "cycles": schedule.cycles, "burn_in": schedule.burn_in, "missing": schedule.missing,
        "gaps": schedule.gaps, "keep": schedule.keep, "repeats": parts.repeats,
        "start": writer.states("start", parts.start),
        "process_noise": parts.process_noise, "shocks": parts.shocks,
        "model_error": parts.model_error,
        "reference": writer.text("reference", parts.methods[reference], METHODS) if reference
        else "",
    }


class _Writer:
    """Texts of parts; ``own`` are the fields with a part that no text makes again."""

    def __init__(self) -> None:
        self.own: set[str] = set()

    def text(self, field: str, part: Any, registry: Registry) -> str:
        return registry.describe(part) or self._name(field, part)

    def mask(self, mask: Mask | Tensor) -> str:
        if isinstance(mask, Tensor):
            return f"painted:{encode(mask if mask.ndim == 3 else mask[None])}"
        return self.text("masks", mask, MASKS)

    def states(self, field: str, states: Any) -> str:
        if not isinstance(states, Tensor):
            return str(states)
        self.own.add(field)
        return ARRAY

    def prior(self, prior: Prior | None, system: System) -> str:
        """The name by which a prior is registered, or by which it was loaded for the system."""
        if prior is None:
            return "auto"
        name = PRIORS.name_of(prior)
        loaded = name is None and prior.name in PRIORS and load_prior(prior.name, system) is prior
        return name or (prior.name if loaded else self._name("prior", prior))

    def _name(self, field: str, part: Any) -> str:
        self.own.add(field)
        name = kebab(type(part).__name__)
        if isinstance(part, param.Parameterized):  # whose name is a serial number
            return with_options(name, part)
        return str(getattr(part, "name", name))
