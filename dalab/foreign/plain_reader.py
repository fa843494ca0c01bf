"""Files of plain data: JSON and YAML 1.2."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from ..errors import InputError
from ..values import INFINITE, INTEGER, REAL, read_number, unique
from .limits import Limits


class Reader:
    """A file that has been parsed.

    Args:
        path: the file, a text of UTF-8.
        limits: most values, and lists within lists.

    Raises:
        InputError: if it holds more, or names a value twice.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        text = path.read_text(encoding="utf-8")
        try:
            self._values = json.loads(text, object_pairs_hook=unique)
        except InputError:
            raise
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
    """Loader of the core schema of YAML 1.2, to which yes, 1_000 and dates are texts.

    Raises:
        InputError: for a key that is given twice.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node."""
        found = super().construct_mapping(node, deep)
        if len(found) < len(node.value):
            unique([(self.construct_object(key, deep=True), None) for key, _ in node.value])
        return found

    def construct_number(self, node: Any) -> int | float | str:
        """The number of a node, or the text of one that is too long."""
        text = self.construct_scalar(node)
        found = read_number(text)
        return text if found is None else found


for _tag, _form, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", INTEGER, list("-+0123456789")),
    ("float", f"{REAL}|{INFINITE}", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_form})$"), _first
    )
for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_number)


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
