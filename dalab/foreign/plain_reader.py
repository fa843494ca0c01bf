"""Files of plain data: JSON and YAML."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from ..errors import InputError
from .limits import Limits


class Reader:
    """A file that has been parsed.

    Args:
        path: the file, a text of UTF-8.
        limits: most values, and lists within lists.

    Raises:
        InputError: if it holds more, or is neither JSON nor YAML.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        text = path.read_text(encoding="utf-8")
        try:
            self._values = json.loads(text)
        except ValueError:
            _check_events(text, limits)
            self._values = yaml.load(text, _Loader)

    def content(self) -> Any:
        """Return the data."""
        return self._values

    def read(self, name: str, where: Any) -> Any:
        """Refuse: the content is all there is."""
        raise KeyError(name)


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which also takes 1e-3 for a number, as YAML 1.2 does."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+"),
    list("-+.0123456789"),
)


def _check_events(text: str, limits: Limits) -> None:
    """Refuse too many or too deeply nested values, and values that hold others by name."""
    depth = count = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        count += 1
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise InputError("alias", event.anchor, "must not be used", "Write the value out.")
        for name, value, most in (
            ("values in the file", count, limits.objects),
            ("lists within lists", depth, limits.depth),
        ):
            if value > most:
                raise InputError(name, value, f"must be at most {most}", "Shorten it.")
