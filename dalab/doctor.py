"""Report on the requirements of a run on this machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "numpy", "torch", "xarray", "azula", "scores", "h5netcdf", "h5py", "zarr", "panel",
    "holoviews", "bokeh", "ipywidgets", "jupyterlab",
)
GIB, MIB = 2**30, 2**20


def report(denoise: bool = False) -> Iterator[tuple[str, str]]:
    """Yield (what, finding), one line after the other.

    Args:
        denoise: whether to denoise a window with every trained prior.
    """
    from . import __version__

    yield "dalab", f"{__version__} in {Path(__file__).parent}"
    yield "python", f"{platform.python_version()} on {platform.platform()}"
    for package in PACKAGES:
        yield package, _version(package)
    yield "pyqg", _pyqg()
    yield from _machine()
    yield from _files(denoise)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _pyqg() -> str:
    """pyqg is compiled against one NumPy, so only an import tells whether it works."""
    try:
        import_module("pyqg")
    except Exception as error:  # a broken extension module raises anything
        reason = " ".join(str(error).split())
        return f"{_version('pyqg')}, cannot be imported: {reason}. Run: make install"
    return f"{_version('pyqg')}, imports"


def _machine() -> Iterator[tuple[str, str]]:
    import torch

    from .machine import memory

    found = memory()
    yield "processor", f"{os.cpu_count()} cores, {torch.get_num_threads()} torch threads"
    yield "memory", f"{found.available / GIB:.1f} of {found.total / GIB:.1f} GiB available"
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        yield f"cuda:{index}", f"{gpu.name}, {gpu.total_memory / GIB:.0f} GiB"
    if torch.backends.mps.is_available():
        yield "mps", "Apple GPU"
    if not torch.cuda.is_available():
        yield "cuda", "no GPU that torch sees"


def _files(denoise: bool) -> Iterator[tuple[str, str]]:
    from .priors import WEIGHTS
    from .systems.library import DATA

    for kind, folder, pattern in (("prior", WEIGHTS, "*.safetensors"), ("states", DATA, "*.npz")):
        found = sorted(folder.glob(pattern))
        for path in found:
            state = f", {_prior(path, denoise)}" if kind == "prior" else ""
            yield kind, f"{path.name}, {path.stat().st_size / MIB:.1f} MiB{state}"
        if not found:
            yield kind, f"none in {folder}"


def _prior(path: Path, denoise: bool) -> str:
    """State of the file of a prior."""
    from .errors import InputError
    from .priors.files.integrity import check_denoising
    from .priors.files.tensors import open_prior, read_prior
    from .priors.files.trained import load_core
    from .systems import SYSTEMS

    try:
        with open_prior(path) as file:
            read_prior(path, file)
        if not denoise or "recipe" not in file.header:
            return "checksum holds"
        core, _, _ = load_core(path, SYSTEMS.make(file.header["system"]))
        error = check_denoising(path, core, file.header)
        return f"checksum holds, error of the denoiser {error:.4f}"
    except InputError as refusal:
        return f"DAMAGED: {refusal.bound}"
