"""What an experiment is: one flat, frozen record that fits in a YAML file and in an attribute."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError

_TUPLES = ("operators", "masks", "methods")


@dataclass(frozen=True, kw_only=True)
class Config:
    """A twin experiment: a truth, how it is observed, and who infers it.

    Operators, masks, noise families and methods are registry texts: ``NAME``, ``NAME:VALUE`` or
    ``NAME:option=value,...``. Values are not checked here but by :mod:`dalab.experiments.validate`.

    Args:
        system: name of the system.
        truth: where the true window comes from: a name of ``TRUTHS``, or a NetCDF or Zarr file.
        window: states in the window, one per interval of the system (a day for QG).
        operators: observation operators, all active at once ("velocity:form=physical").
        masks: where each operator looks: one for all of them, or one per operator
            ("points:[(3,5),(10,7)]"). Random masks are drawn independently for each operator.
        interval: window steps from one observation time to the next.
        noise: standard deviation of the observation noise, in units of the operator's output.
        noise_family: shape of the noise ("lognormal:0.5").
        assumed_noise: standard deviation that the methods believe; the true one if ``None``.
        background: standard deviation of the error of a background on step 0, in normalised
            units; no background if ``None``.
        background_kind: ``perturbed``, the true state plus white noise of that standard
            deviation, or ``forecast``, a model forecast over one interval from the true state
            before the window plus 0.01 N(0, I), whose error is *assumed* to be white with it.
        prior: name of the prior.
        methods: inference methods, run in this order. The same method may be there several times
            with different options.
        members: posterior samples per method.
        steps: sampling steps of the methods that have them and whose text does not set them.
        seed: seed of every random choice.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    """

    system: str = "qg64"
    truth: str = "model"
    window: int = 9
    operators: tuple[str, ...] = ("arctan",)
    masks: tuple[str, ...] = ("random:0.25",)
    interval: int = 1
    noise: float = 0.1
    noise_family: str = "gaussian"
    assumed_noise: float | None = None
    background: float | None = None
    background_kind: str = "perturbed"
    prior: str = "auto"
    methods: tuple[str, ...] = ("spectral", "letkf", "oi")
    members: int = 8
    steps: int = 24
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in _TUPLES:
            value = getattr(self, name)
            if not isinstance(value, str | list | tuple):
                raise InputError(name, value, "must be a text or a list of texts", "Use quotes.")
            value = (value,) if isinstance(value, str) else tuple(value)
            object.__setattr__(self, name, value)

    def replace(self, **changes: Any) -> Config:
        """The same experiment with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: strings, numbers, lists and ``None``."""
        found = dataclasses.asdict(self)
        return {key: list(v) if isinstance(v, tuple) else v for key, v in found.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """The config of plain data; fields that are not named take their defaults.

        Raises:
            InputError: for an unknown field, naming the closest one.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in known:
                close = difflib.get_close_matches(str(key), known, n=1)
                hint = f"Did you mean {close[0]!r}?" if close else "Remove it."
                raise InputError("config field", key, f"must be one of {', '.join(known)}", hint)
        return cls(**values)

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Config:
        """Inverse of :meth:`to_json`."""
        return cls.from_dict(json.loads(text))

    def hash(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of :meth:`to_json`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]


def load_config(path: str | Path) -> Config:
    """Read a config from a YAML or JSON file.

    Raises:
        InputError: if the file is missing, is not YAML or JSON, or names an unknown field.
    """
    import yaml  # JSON is YAML

    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("config file", str(path), f"cannot be read ({error})", _EXAMPLE) from None
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise InputError("config file", str(path), f"must be YAML ({where})", _EXAMPLE) from None
    if not isinstance(values or {}, Mapping):
        raise InputError("config file", str(path), "must hold 'field: value' lines", _EXAMPLE)
    return Config.from_dict(values or {})


_EXAMPLE = "An example: 'operators: [arctan]' on one line, 'members: 8' on the next."
