"""Checkpoints of cycled runs, from which a run that was killed goes on to the bit."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ...errors import InputError
from ...files import is_own, locked, replacing
from ..config import Config
from .driver import Carried
from .recorder import Recorder

FORMAT = "dalab-cycles-1"


class Checkpoints:
    """The folder of a run: a checkpoint of every method, and the config that they belong to.

    Args:
        folder: made if it is not there.
        config: of the run; only its ``cycles`` may differ from those of an earlier run.

    Raises:
        InputError: if the folder cannot be made, or holds another run.
    """

    def __init__(self, folder: str | Path, config: Config) -> None:
        self.folder, self.config = Path(folder), config
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._claim()
        except OSError as error:
            raise InputError(
                "checkpoint folder", str(folder), f"cannot be written ({error})", "Use out/run."
            ) from None

    def _claim(self) -> None:
        """Write the config, after making sure that the folder is free or holds the same run."""
        path = self.folder / "config.json"
        if path.exists():
            known = Config.from_json(path.read_text(encoding="utf-8"))
            if not same_run(known, self.config):
                raise InputError(
                    "checkpoint folder", str(self.folder), "must belong to the same experiment",
                    "Choose another folder, or remove this one.",
                )
        elif not all(is_own(path) for path in self.folder.iterdir()):
            raise InputError(
                "checkpoint folder", str(self.folder), "must be empty or hold a run of dalab",
                "Choose another folder.",
            )
        with replacing(path) as new:
            new.write_text(self.config.to_json(), encoding="utf-8")

    def locked(self) -> AbstractContextManager[None]:
        """Have the folder to this process for a block.

        Raises:
            InputError: if another process has it.
        """
        return locked(self.folder, "checkpoint folder")

    def save(self, label: str, carried: Carried, recorder: Recorder) -> None:
        """Write the state of a method, replacing its last checkpoint at once."""
        whole = {"format": FORMAT, "carried": asdict(carried), "recorder": recorder.to_dict()}
        with replacing(self.folder / f"{label}.pt") as new:
            torch.save(whole, new)

    def load(self, label: str) -> tuple[Carried, dict[str, Any]] | None:
        """Carried state and scores of a method at its last checkpoint; ``None`` without one.

        Raises:
            InputError: if the file cannot be read.
        """
        path = self.folder / f"{label}.pt"
        if not path.exists():
            return None
        try:
            whole = torch.load(path, weights_only=True)
            carried = Carried(**{**whole["carried"], "past": tuple(whole["carried"]["past"])})
        except Exception as error:  # torch has many errors for a damaged file
            raise InputError(
                "checkpoint", str(path), f"cannot be read ({type(error).__name__})",
                "Remove it to begin this method again.",
            ) from None
        return carried, whole["recorder"]


def same_run(a: Config, b: Config) -> bool:
    """True if two configs differ in nothing but their number of cycles."""
    return a.replace(cycles=1, burn_in=0) == b.replace(cycles=1, burn_in=0)
