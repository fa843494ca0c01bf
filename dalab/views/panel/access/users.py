"""Names and passwords in a file, read anew at every request.

Without a file that can be read nobody is let in.
"""

from __future__ import annotations

import hmac
import json
import logging
from pathlib import Path

from ....errors import InputError

LARGEST = 1 << 20
"""Largest size of the file [bytes]."""

_EXAMPLE = 'An example: {"ada": "a long password"}'


class UsersFile:
    """A JSON file of names and passwords.

    Args:
        path: the file.

    Raises:
        InputError: if it cannot be read, or holds anything else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read()

    def read(self) -> dict[str, str]:
        """Return the passwords by name.

        Raises:
            InputError: if the file cannot be read, or holds anything else.
        """
        try:
            return _checked(self.path, json.loads(self._text(), object_pairs_hook=_unique))
        except (OSError, ValueError, RecursionError) as error:
            if isinstance(error, InputError):
                raise
            reason = " ".join(str(error).split())
            raise _refusal(self.path, f"must be a JSON file of names and passwords ({reason})") \
                from None

    def _text(self) -> str:
        if not self.path.is_file():  # a pipe would block
            raise _refusal(self.path, "must be a JSON file of names and passwords")
        if self.path.stat().st_size > LARGEST:
            raise _refusal(self.path, f"must have at most {LARGEST} bytes")
        return self.path.read_text(encoding="utf-8")

    def accepts(self, name: str, password: str) -> bool:
        """Return True for the password of a name; False if the file cannot be read any more."""
        known = self._now().get(name)
        return known is not None and hmac.compare_digest(known.encode(), password.encode())

    def knows(self, name: str) -> bool:
        """Return True for a name in the file; False if the file cannot be read any more."""
        return name in self._now()

    def _now(self) -> dict[str, str]:
        try:
            return self.read()
        except InputError as error:
            logging.getLogger(__name__).error("Nobody is let in. %s", error)
            return {}


def _checked(path: Path, found: object) -> dict[str, str]:
    if not isinstance(found, dict) or not found:
        raise _refusal(path, "must hold a JSON object of names and passwords")
    for name, password in found.items():
        if not name or not isinstance(password, str) or not password:
            raise _refusal(path, f"must hold a password for {name!r}, a text that is not empty")
    return found


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _refusal(path: Path, bound: str) -> InputError:
    return InputError("users", str(path), bound, _EXAMPLE)
