"""JSON and YAML files of unknown origin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..values import unique
from .files import read_text
from .limits import Limits
from .process import Process


def read_plain(path: str | Path, *, what: str, must: str, remedy: str) -> Any:
    """Read a file of plain data: numbers, texts, lists and mappings.

    Args:
        path: the file.
        what: name of the file in messages.
        must: what it has to be.
        remedy: advice to whoever gave another file.

    Raises:
        InputError: if it is missing, neither JSON nor YAML, names a value twice, or is too long or
            too deeply nested.
    """
    text = read_text(path, what, remedy)
    try:
        return json.loads(text, object_pairs_hook=unique)
    except InputError:
        raise
    except (ValueError, RecursionError):
        limits = Limits()
    with Process("plain", Path(path), limits, what=what, must=must, remedy=remedy) as process:
        return process.content
