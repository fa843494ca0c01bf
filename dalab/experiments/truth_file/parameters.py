"""Parameters that a file of states names, compared with those of the system."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import InputError
from ...foreign import ForeignData
from ...option_fields import option_values
from ...systems import System
from ...systems.parametric import ParametricSystem

_PREFIX = "pyqg:"
_OWN = ("nx", "dt")
"""Parameters of the solver that the flow does not depend on."""

_MEAN_FLOW = "Ubg"
"""Variable in which pyqg stores the imposed flow of each layer."""


def check_parameters(
    file: ForeignData, name: str, system: System, sides: Mapping[str, float], layers: np.ndarray
) -> None:
    """Check that a file is about the flow of a system, as far as it says.

    Args:
        file: open file, whose attributes are parameters, with or without ``pyqg:`` before them.
        name: of the file, in messages.
        system: the system.
        sides: lengths of the domain by axis, from the coordinates.
        layers: positions of the layers from the top down.

    Raises:
        InputError: for the first difference, with the system that has all of them.
    """
    for dim, side in sides.items():
        wanted = system.sides["yx".index(dim)]
        if not math.isclose(side, wanted, rel_tol=0.01):
            remedy = _remedy(system, {"L": float(f"{side:.4g}")})
            what = f"length of the domain along {dim}"
            raise _different(what, name, side, wanted, system, remedy)
    if not isinstance(system, ParametricSystem):
        return
    known = _known(system)
    found = {**_attributes(file, known), **_mean_flow(file, known, layers)}
    wrong = {key: value for key, value in found.items() if not _same(value, known[key])}
    for key, value in wrong.items():
        raise _different(key, name, value, known[key], system, _remedy(system, wrong))


def _known(system: ParametricSystem) -> dict[str, float]:
    """Return the parameters of a system that are numbers."""
    return {
        name: float(value) for name, value in option_values(system.options).items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name not in _OWN
    }


def _attributes(file: ForeignData, known: Mapping[str, float]) -> dict[str, float]:
    attrs = file.root.attrs
    given = {name: attrs.get(f"{_PREFIX}{name}", attrs.get(name)) for name in known}
    return {name: number for name, value in given.items() if (number := _number(value)) is not None}


def _number(value: Any) -> float | None:
    """Return an attribute that is one finite number."""
    if isinstance(value, str) or value is None or np.size(value) != 1:
        return None
    array = np.asarray(value)
    number = float(array.reshape(())) if array.dtype.kind in "iuf" else math.nan
    return number if math.isfinite(number) else None


def _mean_flow(
    file: ForeignData, known: Mapping[str, float], layers: np.ndarray
) -> dict[str, float]:
    """Return the imposed flow of two layers, from the variable in which pyqg stores it."""
    variable = file.root.variables.get(_MEAN_FLOW)
    if variable is None or not {"U1", "U2"} <= known.keys() or variable.dims[-1:] != ("lev",):
        return {}
    first = {dim: slice(1) for dim in variable.dims[:-1]}
    values = file.read(variable, first).reshape(-1)[layers].astype(float)
    return dict(zip(("U1", "U2"), values.tolist(), strict=True))


def _same(value: float, wanted: float) -> bool:
    return math.isclose(value, wanted, rel_tol=1e-5, abs_tol=1e-16)


def _remedy(system: System, wrong: Mapping[str, float]) -> str:
    """Advise the system that has the parameters of the file."""
    text = None
    if isinstance(system, ParametricSystem):
        try:
            text = system.with_options(**wrong).name
        except InputError:
            pass  # no system has them
    fitting = f"Use system {text}" if text else "Choose a system that has it"
    return f"{fitting}, or a file that is about {system.name}."


def _different(
    key: str, name: str, value: float, wanted: float, system: System, remedy: str
) -> InputError:
    bound = f"must be {wanted:g}, that of the system {system.name}"
    return InputError(f"{key} in {name}", float(f"{value:.6g}"), bound, remedy)
