"""Uploaded files: a stored run to show, or a truth of the user's.

A file is judged before anything is read from it: its length, and what it would take unpacked. It is
read in a process of its own, see :mod:`dalab.foreign`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...experiments.config import Config
from ...experiments.cycles.stored import restore
from ...experiments.results.store import FORMAT
from ...experiments.results.stored_run import StoredRun
from ...experiments.results.tree import read_tree
from ...experiments.truth_file import LAYOUT, read_window
from ...foreign import Limits, open_data
from ...systems import SYSTEMS
from .upload_folder import new_path

if TYPE_CHECKING:
    import xarray as xr

MOST = 256 << 20
"""Largest size of a file [bytes]."""

UNPACKED = 1 << 30
"""Largest size of its variables, unpacked [bytes]."""

_MUST = "must be whole and NetCDF"
_REMEDY = "Drop a result that dalab wrote, or a truth in NetCDF."


class Upload:
    """A file on its way from the browser.

    Args:
        name: name on the user's machine.
        size: length [bytes].
        owner: session that it belongs to.

    Raises:
        InputError: for a file that is empty, too large or of another kind, or if there is no space.
    """

    def __init__(self, name: str, size: int, owner: str = "") -> None:
        self.name, self.size = Path(name).name, size
        if Path(self.name).suffix.lower() not in (".nc", ".nc4", ".cdf", ".netcdf", ".h5"):
            raise InputError("file", self.name, "must be NetCDF, with a name in .nc", _REMEDY)
        if not 0 < size <= MOST:
            raise InputError(
                f"size of {self.name} [MB]", round(size / 1e6, 1),
                f"must be above 0 and at most {MOST / 1e6:.0f}",
                "Keep fewer members or a shorter time, or run it on your own machine.",
            )
        self.path = new_path(self.name, size, owner)
        self._left = size

    def add(self, piece: bytes) -> bool:
        """Append a piece; return True if it was the last one.

        Raises:
            InputError: if the file is longer than announced.
        """
        self._left -= len(piece)
        if self._left < 0:
            self.path.unlink(missing_ok=True)
            raise InputError(
                f"size of {self.name} [bytes]", self.size - self._left, f"must be {self.size}",
                "Drop the file again.",
            )
        with self.path.open("ab") as file:
            file.write(piece)
        return self._left == 0


def read_upload(upload: Upload, config: Config) -> StoredRun | Path:
    """Return the content of a file: a stored run, or the path of a truth for the experiment.

    Args:
        upload: a file that has arrived.
        config: the experiment that a truth is for.

    Raises:
        InputError: for a file that is neither; it is removed.
    """
    try:
        tree = _result(upload)
        if tree is not None:
            run = restore(tree)
            _ = run.frames  # all of the estimates: made here, not where pages wait
            upload.path.unlink()
            return run
        system = SYSTEMS.make(config.system)
        read_window(upload.path, system, config.window + config.leads, config.seed)
        return upload.path
    except InputError as error:
        upload.path.unlink(missing_ok=True)
        value = upload.name if error.value == str(upload.path) else error.value
        what, bound = (
            text.replace(str(upload.path), upload.name) for text in (error.what, error.bound)
        )
        raise InputError(what, value, bound, error.remedy) from None


def _result(upload: Upload) -> xr.DataTree | None:
    """Return the result in a file that is marked as one of dalab; ``None`` for any other."""
    limits = Limits(unpacked=UNPACKED)
    with open_data(upload.path, what="file", must=_MUST, remedy=LAYOUT, limits=limits) as file:
        if file.nbytes > UNPACKED:
            raise InputError(
                f"size of {upload.name}, unpacked [MB]", round(file.nbytes / 1e6),
                f"must be at most {UNPACKED / 1e6:.0f}", "Keep fewer members or a shorter time.",
            )
        if file.root.attrs.get("format") != FORMAT:
            return None
        return read_tree(file, upload.path)
