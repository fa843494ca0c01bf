"""Conversion of units, as files spell them."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

LONGEST = 60
"""Longest text of units [characters]."""

_EXPONENT = re.compile(r"(?<![\d.][eE])(?<=[A-Za-z])(?=[-+]?\d)")
"""Places of an exponent without a sign of its own, as in ``s-1``."""

_POWER = re.compile(r"(?:(?<=[A-Za-z])|\b10)\s*(?:\*\*|\^)\s*\(?[-+]?\d{1,2}\)?(?![\d*^])")
"""A power that is quick to compute."""

_PLAIN = ("", "1", "dimensionless", "none")


def conversion(text: str, wanted: str) -> float | None:
    """Factor from one unit to another; ``None`` if there is none, or the text is no unit.

    Args:
        text: unit as a file spells it: ``s-1``, ``s^{-1}``, ``1/s``, ``day**-1``, ``10^-6 s-1``.
        wanted: unit of a system; ``"1"`` for a pure number.
    """
    text = text.strip()
    if text == wanted or text.lower() in _PLAIN and wanted == "1":
        return 1.0
    if len(text) > LONGEST:
        return None
    try:
        factor = float(_quantity(text).to(_quantity(wanted).units).magnitude)
    except Exception:  # pint and Python have many names for a text that is no unit
        return None
    return factor if math.isfinite(factor) and factor > 0 else None


def _quantity(text: str) -> Any:
    """Parse a unit with a factor.

    Raises:
        ValueError: for towers of powers, which take for ever.
    """
    text = re.sub(r"^/", "1/", text.replace("{", "(").replace("}", ")"))
    text = _EXPONENT.sub("**", text)
    if re.search(r"\*\*|\^", _POWER.sub("", text)):
        raise ValueError(text)
    return _registry().Quantity(text)


@cache
def _registry() -> Any:
    import pint  # here, because few files need it

    return pint.UnitRegistry()
