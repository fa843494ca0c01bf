"""Devices to compute on, by name."""

from __future__ import annotations

import torch

from ..errors import InputError


def choose_device(name: str | torch.device) -> torch.device:
    """The device of that name; ``auto`` is a CUDA GPU if there is one, else the CPU.

    Raises:
        InputError: for an unknown device, or one that this machine or this torch lacks.
    """
    text = str(name)
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
