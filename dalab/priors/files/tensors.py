"""Open files of priors: those of the package directly, any other in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...errors import InputError
from ...files import replacing
from ...foreign import TensorFile, open_tensors
from .bundled import WEIGHTS
from .integrity import CHECKSUM, check_tensors, checksum

REMEDY = "Make it with this version of dalab."


class StoredTensors(Protocol):
    """An open file of tensors, and the header that dalab wrote.

    Attributes:
        header: plain data, ``None`` if there is none.
    """

    header: Any

    def keys(self) -> list[str]:
        """Return the names of the tensors."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor, without reading it."""
        ...

    def read(self, name: str) -> Tensor:
        """Read a tensor."""
        ...


class _Bundled:
    """A file of the package."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.header = json.loads((file.metadata() or {}).get("dalab", "null"))

    def keys(self) -> list[str]:
        return list(self._file.keys())

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._file.get_slice(name).get_shape())

    def read(self, name: str) -> Tensor:
        return self._file.get_tensor(name)


class _Foreign:
    """A file of a user's."""

    def __init__(self, file: TensorFile) -> None:
        self._file, self.header = file, file.metadata
        self.keys, self.shape = file.keys, file.shape

    def read(self, name: str) -> Tensor:
        return torch.from_numpy(self._file.read(name))


def save_prior(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write the file of a prior, with a checksum in its header.

    Args:
        path: file to write.
        tensors: its contents, on the CPU.
        header: plain data that describes them.

    Raises:
        InputError: if they are not finite.
    """
    plain = json.loads(json.dumps(header))
    check_tensors(path, {}, tensors)
    signed = {**plain, CHECKSUM: checksum(plain, tensors)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as new:
        save_file(dict(tensors), new, metadata={"dalab": json.dumps(signed)})


def read_prior(path: Path, file: StoredTensors) -> dict[str, Tensor]:
    """Read all tensors of an open file.

    Raises:
        InputError: if they are not finite, or not those that were written.
    """
    tensors = {name: file.read(name) for name in file.keys()}  # noqa: SIM118
    check_tensors(path, file.header, tensors)
    return tensors


def is_bundled(path: Path) -> bool:
    """True for a file of the package."""
    return path.resolve().parent == WEIGHTS.resolve()


@contextmanager
def open_prior(path: Path) -> Iterator[StoredTensors]:
    """Open the file of a prior.

    Raises:
        InputError: if it is missing, truncated or foreign, or what is in it does not fit together.
    """
    try:
        if is_bundled(path):
            with safe_open(path, framework="pt") as file:
                yield _Bundled(file)
        else:
            with open_tensors(path, what="prior file", must="cannot be read", remedy=REMEDY) as own:
                yield _Foreign(own)
    except InputError:
        raise
    except Exception as error:  # its header may say anything
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(
            "prior file", str(path), f"must fit the denoiser that its header describes ({reason})",
            REMEDY,
        ) from None
