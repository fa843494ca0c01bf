"""Configs in YAML and JSON files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from .config import Config


def load_config(path: str | Path) -> Config:
    """Read a config from a YAML or JSON file, or from a ``run.json`` that dalab wrote.

    Raises:
        InputError: if the file is missing, is not YAML or JSON, or names an unknown field.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("config file", str(path), f"cannot be read ({error})", _EXAMPLE) from None
    values = _parse_file(path, text)
    if not isinstance(values or {}, Mapping):
        raise InputError("config file", str(path), "must hold 'field: value' lines", _EXAMPLE)
    if isinstance(values, Mapping) and isinstance(values.get("config"), Mapping):
        values = values["config"]
    return Config.from_dict(values or {})


def _parse_file(path: Path, text: str) -> Any:
    """Plain data of a JSON or YAML text."""
    import yaml

    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return yaml.load(text, _loader())
    except (yaml.YAMLError, RecursionError) as error:
        where = " ".join(str(error).split())
        raise InputError("config file", str(path), f"must be YAML ({where})", _EXAMPLE) from None


def _loader() -> Any:
    """YAML's safe loader, which also takes 1e-3 for a number, as YAML 1.2 does."""
    import re

    import yaml

    class Loader(yaml.SafeLoader):
        pass

    number = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+.0123456789"))
    return Loader


_EXAMPLE = "An example: 'operators: [arctan]' on one line, 'members: 8' on the next."
