"""Spaces that were learnt before, in this process and in files of the user.

A file is found by a digest of all that a space depends on: what the system and the network do to
some states, and the options. One that cannot be read is made anew, and a disk that cannot be
written to costs a warning.
"""

from __future__ import annotations

import hashlib
import json
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ....errors import InputError
from ....files import cache_folder
from ....observations import ObservingNetwork
from ....priors.files.tensors import open_prior, read_prior, save_prior
from ....random import stream
from ....systems.base import System
from .space import LatentSpace

FORMAT = "dalab-latent-space-1"
"""Format of the files, and of what is learnt: another number where either changes."""

IN_MEMORY, ON_DISK = 4, 32
"""Spaces kept in this process, and files kept."""

_known: OrderedDict[str, LatentSpace] = OrderedDict()
_lock = threading.Lock()


def digest(system: System, network: ObservingNetwork | None, options: Mapping[str, Any]) -> str:
    """SHA-256 of a system, a network of one step, and options, as a hexadecimal text."""
    kind = type(system)
    words = [
        FORMAT, f"{kind.__module__}.{kind.__qualname__}", system.name, list(system.shape),
        system.interval, system.spinup, dict(options),
    ]
    found = hashlib.sha256(json.dumps(words, sort_keys=True).encode())
    x = 0.1 * torch.randn(2, *system.shape, generator=stream(0, "probe"), dtype=torch.float64)
    with torch.no_grad():
        found.update(_bytes(system.step(x, 1, stream(0, "probe of a step"))))
        if network is not None:
            found.update(_bytes(network.apply(x.unsqueeze(-4))))
            found.update(_bytes(network.variance(like=x)))
            for instrument in network.instruments:
                found.update(_bytes(instrument.mask))
    return found.hexdigest()


def _bytes(x: Tensor) -> bytes:
    return x.contiguous().cpu().numpy().tobytes()


def remembered(key: str) -> LatentSpace | None:
    """The space with a digest, if this process has had it lately."""
    with _lock:
        if key in _known:
            _known.move_to_end(key)
        return _known.get(key)


def remember(key: str, space: LatentSpace) -> None:
    """Keep a space in this process, and forget the one that was not needed for longest."""
    with _lock:
        _known[key] = space
        while len(_known) > IN_MEMORY:
            _known.popitem(last=False)


def forget() -> None:
    """Forget all spaces of this process."""
    with _lock:
        _known.clear()


def load(
    key: str, make: Callable[[Mapping[str, Any], Mapping[str, Tensor]], LatentSpace]
) -> LatentSpace | None:
    """Read the space with a digest from its file; ``None`` if there is none that can be read.

    Args:
        key: the digest.
        make: makes a space of the header and the tensors of a file.
    """
    path = _path(key)
    if path is None or not path.is_file():
        return None
    try:
        with open_prior(path) as file:
            header = file.header
            if header["format"] != FORMAT or header["digest"] != key:
                return None
            return make(header, read_prior(path, file))
    except InputError:  # damaged: it is made anew
        return None


def save(key: str, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write the file of a space, and remove the oldest files of others.

    Args:
        key: digest of the space.
        header: plain data that describe it.
        tensors: its numbers.
    """
    path = _path(key)
    if path is None:
        return
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        save_prior(path, plain, {"format": FORMAT, "digest": key, **header})
        files = sorted(path.parent.glob("*.safetensors"), key=lambda one: one.stat().st_mtime)
        for old in files[:-ON_DISK]:
            old.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        warnings.warn(
            f"The latent space could not be kept in {path.parent} ({reason}): it is learnt again "
            "next time.", stacklevel=2,
        )


def _path(key: str) -> Path | None:
    folder = cache_folder()
    return None if folder is None else folder / "latent" / f"{key}.safetensors"
