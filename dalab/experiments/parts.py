"""The parts of an experiment, built from the texts by which a config names them."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from ..errors import InputError
from ..methods import METHODS, Method
from ..observations import MASKS, NOISES, OPERATORS, Mask, Noise, Operator
from ..registry import build, configured, lookup, options
from ..systems import SYSTEMS, System


def make_system(name: str) -> System:
    """The system of that name.

    Raises:
        InputError: if there is none.
    """
    return lookup("system", name, SYSTEMS)()


def make_operator(text: str, system: System) -> Operator:
    """The operator that ``text`` describes, for the states of ``system``.

    Raises:
        InputError: for an unknown operator or option, a value out of bounds, or a system that
            the operator does not fit.
    """
    return build("operator", text, OPERATORS, system)


def make_mask(text: str) -> Mask:
    """The mask that ``text`` describes."""
    return build("mask", text, MASKS)


def make_noise(text: str) -> Noise:
    """The shape of noise that ``text`` describes."""
    return build("noise family", text, NOISES)


def make_method(text: str, steps: int) -> Method:
    """The method that ``text`` describes.

    Args:
        text: registry text, such as ``spectral:eta=0.5``.
        steps: for a method that has steps and whose text does not set them.

    Raises:
        InputError: for an unknown method or option, or a value out of bounds.
    """
    method = build("method", text, METHODS)
    if "steps" in options(type(method)) and not _sets_steps(text, type(method)):
        configured(f"method {text}", type(method), {"steps": steps})
        method.steps = steps
    return method


def _sets_steps(text: str, cls: type[Method]) -> bool:
    arguments = text.partition(":")[2]
    if arguments and "=" not in arguments:
        return next(iter(options(cls))) == "steps"
    return any(part.partition("=")[0].strip() == "steps" for part in arguments.split(","))


def make_device(text: str) -> torch.device:
    """The device to compute on; ``auto`` is a CUDA GPU if there is one, else the CPU.

    Raises:
        InputError: for an unknown device, or one that this machine or this torch lacks.
    """
    if text == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(text)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError("device", text, "must be auto, cpu, cuda, cuda:N or mps", "Use auto.")
    _require(text, device)
    return device


def _require(text: str, device: torch.device) -> None:
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count() or "none"
        raise InputError(
            "device", text, f"must be a CUDA GPU that torch {torch.__version__} sees, and it "
            f"sees {found}", "Use cpu or auto.",
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("device", text, "must be an Apple GPU, and torch sees none", "Use cpu.")


def labels(texts: Iterable[str]) -> list[str]:
    """Registry names of the texts, made unique: ``spectral``, ``letkf``, ``spectral-2``."""
    made: list[str] = []
    for text in texts:
        name = text.partition(":")[0]
        earlier = sum(label == name or label.startswith(f"{name}-") for label in made)
        made.append(name if not earlier else f"{name}-{earlier + 1}")
    return made
