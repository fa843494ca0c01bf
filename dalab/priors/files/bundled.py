"""The trained priors that come with the package, and those in files of one's own."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError

WEIGHTS = Path(__file__).parents[1] / "weights"
SUFFIX = ".safetensors"


def trained_names() -> list[str]:
    """Names of the trained priors of states that ship."""
    names = sorted(path.name.removesuffix(SUFFIX) for path in WEIGHTS.glob(f"*{SUFFIX}"))
    return [name for name in names if not name.endswith(("-gaussian", "-augmented"))]


def augmented_path(name: str) -> Path:
    """Where the augmented prior beside a trained prior is, if there is one."""
    stem = name.removesuffix(SUFFIX)
    folder = Path(stem).parent if name.endswith(SUFFIX) else WEIGHTS
    return folder / f"{Path(stem).name}-augmented{SUFFIX}"


def trained_path(name: str) -> Path:
    """The file of a trained prior: a name that ships, or the path of a file.

    Raises:
        InputError: if there is neither.
    """
    shipped, file = WEIGHTS / f"{name}{SUFFIX}", Path(name)
    if shipped.is_file():
        return shipped
    if file.suffix == SUFFIX and file.is_file():
        return file
    raise InputError(
        "trained prior", name,
        f"must be one of {', '.join(trained_names()) or 'none yet'}, or a {SUFFIX} file",
        "See: dalab list priors",
    )
