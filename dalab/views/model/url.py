"""From the address of a page to the view-model, and from the view-model to a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import param

from ...errors import InputError
from ...experiments.config import Config
from ...experiments.validate import validate
from .config_text import USUAL, query, read
from .lab import LabModel

LOOKED = ("page", "time", "layer", "quantity", "view", "member", "observed")
"""What is looked at, as far as a link says it."""


def usual(presets: Mapping[str, Any]) -> Config:
    """The experiment of a page whose address says nothing.

    Raises:
        InputError: for a preset that names no field.
    """
    return Config.from_dict({"masks": USUAL.masks, **presets})


def linked(presets: Mapping[str, Any], arguments: Mapping[str, Sequence[str]]) -> LabModel:
    """The view-model that an address asks for.

    If the address makes no sense the model is the usual one, and its ``error`` says why.

    Args:
        presets: fields of a config that hold where the address says nothing.
        arguments: values in the address, by name.

    Raises:
        InputError: for a preset that names nothing or is out of its bounds.
    """
    base = usual(presets)
    try:
        config, looks = read(arguments, base, LOOKED)
        if config != base:
            validate(config)
        model = LabModel(**config.to_dict())
    except InputError as error:
        if not arguments:
            raise
        return _complaining(LabModel(**presets), error)
    try:
        look(model, looks)
    except InputError as error:
        model.close()
        return _complaining(LabModel(**presets), error)
    return model


def _complaining(model: LabModel, error: InputError) -> LabModel:
    model.error = f"The link cannot be used. {error}"
    return model


def link(model: LabModel, base: Config) -> str:
    """The query of a link that restores what a model holds and what is looked at.

    Args:
        model: the view-model.
        base: the experiment of the page without a query.
    """
    looks = {name: getattr(model, name) for name in LOOKED
             if getattr(model, name) != _ordinary(model, name)}
    return query(model.config(), looks, base)


def look(model: LabModel, texts: Mapping[str, str]) -> None:
    """Look at what the texts say, by name.

    Raises:
        InputError: for a text that names nothing to be looked at.
    """
    for name, text in texts.items():
        parameter = model.param[name]
        try:
            value = int(text) if isinstance(parameter, param.Integer) else text
            setattr(model, name, min(value, model.window - 1) if name == "time" else value)
        except ValueError:
            raise InputError(f"{name} in the link", text, _bound(parameter), "Leave it out.") \
                from None


def _ordinary(model: LabModel, name: str) -> Any:
    """What is looked at unless a person chooses otherwise."""
    parameter = model.param[name]
    if isinstance(parameter, param.Selector):
        return parameter.objects[0]
    return min(parameter.default, model.window - 1) if name == "time" else parameter.default


def _bound(parameter: param.Parameter) -> str:
    if isinstance(parameter, param.Selector):
        return f"must be one of {', '.join(map(str, parameter.objects))}"
    return f"must be a whole number, at least {parameter.bounds[0]}"
