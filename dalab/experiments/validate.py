"""The checks a config has to pass before any work is done."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..observations.network import schedule
from ..priors.loading import load_augmented, load_prior
from ..random import stream
from ..registry import lookup
from ..systems import System
from .config import Config
from .parts import (
    make_device,
    make_mask,
    make_method,
    make_noise,
    make_operator,
    make_system,
)
from .truth import TRUTHS

BACKGROUND_KINDS = ("perturbed", "forecast")


def validate(config: Config) -> None:
    """Check everything that can be checked before any work is done.

    Raises:
        InputError: at the first thing that cannot work: the value, its bound and the remedy.
    """
    _check_numbers(config)
    _check_texts(config)
    system = make_system(config.system)
    _check_truth(config.truth)
    schedule(torch.zeros(config.window, 1, 1, dtype=torch.bool), config.interval)
    _check_network(config, system)
    _check_background(config)
    load_prior(config.prior, system).check(system, config.window)
    texts = _some("methods", config.methods, "spectral")
    made = [make_method(text, config.steps) for text in texts]
    if any(method.uses_augmented for method in made):
        load_augmented(config.prior, system, config.operators)
    make_device(config.device)


def _check_numbers(config: Config) -> None:
    _whole("window", config.window, 2, "Use 9, the length of the priors that ship.")
    _whole("interval", config.interval, 1, "Use 1 to observe every step.")
    _whole("members", config.members, 1, "Use 8.")
    _whole("steps", config.steps, 2, "Use 24.")
    _whole("seed", config.seed, 0, "Use 0.")
    _positive("noise", config.noise, "Use 0.1, or 1e-3 for almost none.")
    if config.assumed_noise is not None:
        _positive("assumed noise", config.assumed_noise, "Leave it out to assume the true noise.")
    if config.background is not None:
        _positive("background", config.background, "Use 0.1, or leave it out for no background.")


def _whole(what: str, value: Any, low: int, remedy: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise InputError(what, value, f"must be a whole number, at least {low}", remedy)


def _positive(what: str, value: Any, remedy: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise InputError(what, value, "must be a finite number above 0", remedy)


def _check_texts(config: Config) -> None:
    for name, value in config.to_dict().items():
        texts = value if isinstance(value, list) else [value]
        if isinstance(getattr(Config(), name), str | tuple):
            for text in texts:
                if not isinstance(text, str):
                    raise InputError(name, text, "must be text", "Put it in quotes.")


def _check_truth(source: str) -> None:
    if source in TRUTHS or (source and Path(source).exists()):
        return
    if Path(source).suffix or not source:
        raise InputError(
            "truth", source, "must be an existing NetCDF or Zarr file, or one of "
            f"{', '.join(TRUTHS)}", "Check the path.",
        )
    lookup("truth", source, TRUTHS)


def _check_network(config: Config, system: System) -> None:
    operators = _some("operators", config.operators, "arctan")
    check_masks(config)
    for text in operators:
        make_operator(text, system)
    for text in config.masks:
        make_mask(text).cells(config.window, system.shape[-2:], stream(config.seed, "mask"))
    make_noise(config.noise_family)


def check_masks(config: Config) -> None:
    """Check that there is one mask, or one for each operator.

    Raises:
        InputError: if there is another number of them.
    """
    masks, count = _some("masks", config.masks, "random:0.25"), len(config.operators)
    if len(masks) not in (1, count):
        raise InputError(
            "masks", masks, f"must be one, or one for each of the {count} operators",
            "Give one mask for all of them.",
        )


def _some(what: str, texts: tuple[str, ...], example: str) -> tuple[str, ...]:
    if not texts:
        raise InputError(what, list(texts), "must name at least one", f"Add {example}.")
    return texts


def _check_background(config: Config) -> None:
    kinds: dict[str, Callable | None] = dict.fromkeys(BACKGROUND_KINDS)
    lookup("background kind", config.background_kind, kinds)
