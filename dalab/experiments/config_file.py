"""Configs in YAML and JSON files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError
from ..foreign import read_plain
from .config import Config


def load_config(path: str | Path) -> Config:
    """Read a config from a YAML or JSON file, or from a ``run.json`` that dalab wrote.

    Raises:
        InputError: if the file is missing, is not YAML or JSON, or names an unknown field.
    """
    path = Path(path)
    values = read_plain(path, what="config file", must="must be YAML", remedy=_EXAMPLE)
    if not isinstance(values or {}, Mapping):
        raise InputError("config file", str(path), "must hold 'field: value' lines", _EXAMPLE)
    if isinstance(values, Mapping) and isinstance(values.get("config"), Mapping):
        values = values["config"]
    return Config.from_dict(values or {})


_EXAMPLE = "An example: 'operators: [arctan]' on one line, 'members: 8' on the next."
