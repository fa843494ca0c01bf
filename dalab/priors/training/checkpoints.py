"""An unfinished training on disk: complete checkpoints only, in files small enough to mail.

A checkpoint is a folder ``step-NNNNNNN`` of safetensors files, written under another name and then
renamed, so that a kill at any moment leaves the one before it whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ...errors import InputError
from ...files import replacing

LARGEST = 14 * 2**20
"""Bytes of tensors in one file, unless a single tensor has more."""


def save(
    folder: Path, step: int, network: nn.Module, average: Mapping[str, Tensor],
    optimisers: Sequence[torch.optim.Optimizer], history: Mapping[str, Any],
) -> None:
    """Write a checkpoint and remove those before it."""
    tensors = dict(_named("network", network.state_dict())) | dict(_named("average", average))
    for i, optimiser in enumerate(optimisers):
        for p, state in optimiser.state_dict()["state"].items():
            values = {key: torch.as_tensor(value) for key, value in state.items()}
            tensors |= dict(_named(f"optimiser.{i}.{p}", values))
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"step-{step:07d}") as new:
        new.mkdir()
        for number, part in enumerate(_parts(tensors)):
            kept = {name: value.detach().cpu().contiguous() for name, value in part.items()}
            save_file(kept, new / f"{number}.safetensors")
        (new / "history.json").write_text(json.dumps(history))
    for old in checkpoints(folder)[:-1]:
        shutil.rmtree(old)


def restore(
    folder: Path, network: nn.Module, average: dict[str, Tensor],
    optimisers: Sequence[torch.optim.Optimizer],
) -> tuple[int, dict[str, Any]]:
    """Load the last checkpoint, if there is one; the steps it stands for, and their history.

    Raises:
        InputError: if it does not belong to this network.
    """
    found = checkpoints(folder)
    if not found:
        return 0, {"seconds": 0.0, "loss": []}
    try:
        history = json.loads((found[-1] / "history.json").read_text())
        tensors: dict[str, Tensor] = {}
        for file in sorted(found[-1].glob("*.safetensors")):
            tensors |= load_file(file)
        network.load_state_dict(_under(tensors, "network"))
        for name, value in _under(tensors, "average").items():
            average[name].copy_(value)
        for i, optimiser in enumerate(optimisers):
            _restore_optimiser(optimiser, _under(tensors, f"optimiser.{i}"))
    except (SafetensorError, OSError, RuntimeError, KeyError, ValueError) as error:
        raise InputError(
            "checkpoint", str(found[-1]), f"does not fit this recipe ({error})",
            "Use the recipe it was made with, or another folder.",
        ) from None
    return int(found[-1].name.removeprefix("step-")), history


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, the last one last."""
    return sorted(folder.glob("step-*"))


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    return ((f"{prefix}.{name}", value) for name, value in tensors.items())


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def _parts(tensors: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The tensors in groups of at most :data:`LARGEST` bytes."""
    part: dict[str, Tensor] = {}
    size = 0
    for name, value in tensors.items():
        if part and size + value.nbytes > LARGEST:
            yield part
            part, size = {}, 0
        part[name] = value
        size += value.nbytes
    yield part
