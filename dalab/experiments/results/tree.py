"""The tree of a result, made from a file of unknown origin."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from ...errors import InputError
from ...foreign import ForeignData, Group, Limits, open_data

WHAT, MUST = "result file", "must be a result that dalab wrote"
REMEDY = "Make it with: dalab run --out FILE.nc"


def open_result(path: Path, limits: Limits | None = None) -> ForeignData:
    """Open the file of a result.

    Raises:
        InputError: if it is missing, cannot be read, or takes more than the limits allow.
    """
    return open_data(path, what=WHAT, must=MUST, remedy=REMEDY, limits=limits)


def read_tree(file: ForeignData, path: Path) -> xr.DataTree:
    """Read all groups of an open file, decoded after the CF conventions but for times.

    Raises:
        InputError: if the groups do not hold together, or are too large.
    """
    try:
        nodes = {name: _dataset(file, group) for name, group in file.groups.items()}
        return xr.DataTree.from_dict(nodes)
    except InputError:
        raise
    except Exception as error:  # dims, attributes and names may be anything
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(WHAT, str(path), f"{MUST} ({reason})", REMEDY) from None


def _dataset(file: ForeignData, group: Group) -> xr.Dataset:
    variables = {
        name: xr.Variable(v.dims, file.read(v), dict(v.attrs))
        for name, v in group.variables.items()
    }
    raw = xr.Dataset(variables, attrs=dict(group.attrs))
    return xr.decode_cf(raw, decode_times=False)
