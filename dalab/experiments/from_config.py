"""Parts of an experiment from the texts of a config."""

from __future__ import annotations

from ..errors import InputError
from ..methods import METHODS, Method
from ..observations import MASKS, NOISES, OPERATORS, NetworkDesign, ObservingNetwork
from ..options import configured, options
from ..random import stream
from ..systems import System
from .config import CYCLED, Config
from .schedule import Schedule


def design(config: Config, system: System) -> NetworkDesign:
    """The design of the network that a config describes, for a system."""
    return NetworkDesign(
        operators=tuple(OPERATORS.make(text, system) for text in config.operators),
        masks=tuple(MASKS.make(text) for text in config.masks),
        interval=config.interval, noise=config.noise, assumed_noise=config.assumed_noise,
        noise_family=NOISES.make(config.noise_family),
    )


def network_of(config: Config, system: System) -> ObservingNetwork:
    """The network that a config describes, on the grid of a system; needs no truth."""
    return realise(design(config, system), system, config.window, config.seed)


def schedule_of(config: Config) -> Schedule | None:
    """The times of the cycles that a config describes; ``None`` for a single window.

    Raises:
        InputError: for fields of cycled experiments in a window.
    """
    if config.cycles is None:
        for name, value in config.changed().items():
            if name in CYCLED:
                raise InputError(
                    name.replace("_", " "), value, "is for cycled experiments only",
                    "Set cycles=1000, or leave it out.",
                )
        return None
    return Schedule(
        cycles=config.cycles, interval=config.interval, burn_in=config.burn_in,
        missing=config.missing, gaps=config.gaps, keep=config.keep, seed=config.seed,
    )


def realise(
    planned: NetworkDesign, system: System, window: int, seed: int
) -> ObservingNetwork:
    return planned.realise(system, window, lambda i: stream(seed, "mask", i))


def make_methods(config: Config) -> dict[str, Method]:
    """The methods that a config describes, by label."""
    made = (make_method(text, config.steps) for text in config.method_texts)
    return dict(zip(config.labels, made, strict=True))


def make_method(text: str, steps: int | None = None) -> Method:
    """The method that a text describes.

    Args:
        text: registry text, such as ``spectral:eta=0.5``.
        steps: sampling steps for a method that has them and whose text does not set them.

    Raises:
        InputError: for an unknown method or option, or a value out of bounds.
    """
    method = METHODS.make(text)
    if steps is None or "steps" not in options(type(method)) or sets_steps(text, type(method)):
        return method
    configured(f"method {text}", type(method), {"steps": steps})
    method.steps = steps
    return method


def sets_steps(text: str, cls: type[Method]) -> bool:
    """True if a registry text of a method sets its number of sampling steps."""
    arguments = text.partition(":")[2]
    if arguments and "=" not in arguments:
        return next(iter(options(cls))) == "steps"
    return any(part.partition("=")[0].strip() == "steps" for part in arguments.split(","))
