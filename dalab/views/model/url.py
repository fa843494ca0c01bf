"""Conversion between the address of a page and the view-model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import param

from ...errors import InputError
from ...experiments.config import Config
from ...experiments.experiment import Experiment
from ...experiments.service.service import shared
from ...interruption import Interrupted, time_limit
from ...values import read_number
from .config_text import DEFAULT_CONFIG, query, read
from .lab import LabModel
from .session import PATIENCE

LINKED_PARAMETERS = ("page", "time", "cycle", "layer", "quantity", "view", "member", "observed")
"""Parameters of the page and of its display that a link contains."""


def default_config(presets: Mapping[str, Any]) -> Config:
    """Return the experiment of a page without a query.

    Raises:
        InputError: for a preset that names no field.
    """
    return Config.from_dict({"masks": DEFAULT_CONFIG.masks, **presets})


def model_from_url(presets: Mapping[str, Any], arguments: Mapping[str, Sequence[str]]) -> LabModel:
    """Return the view-model for an address.

    If the address cannot be used, the model is the default one and its ``notice`` says why.

    Args:
        presets: fields of a config that the address may override.
        arguments: values in the address, by name.

    Raises:
        InputError: for a preset that names nothing or is out of its bounds.
    """
    base = default_config(presets)
    try:
        config, display = read(arguments, base, LINKED_PARAMETERS)
        if config != base:
            _check(config)
        model = LabModel(**config.to_dict())
    except InputError as error:
        if not arguments:
            raise
        return _with_error(LabModel(**presets), error)
    try:
        apply_display_state(model, display)
    except InputError as error:
        model.close()
        return _with_error(LabModel(**presets), error)
    return model


def _check(config: Config) -> None:
    """Check the experiment of a link, unless that takes long: its preview finds out then.

    One that exceeds the limits of the service is left to the page, which refuses to run it.

    Raises:
        InputError: if it cannot work.
    """
    if shared().limits.exceeded_by(config):
        return
    try:
        with time_limit(PATIENCE):
            Experiment.of(config)
    except Interrupted:
        pass


def _with_error(model: LabModel, error: InputError) -> LabModel:
    model.notice = f"The link cannot be used. {error}"
    return model


def link_query(model: LabModel, base: Config) -> str:
    """Return the query of a link that restores the experiment and the display of a model.

    Args:
        model: the view-model.
        base: the experiment of the page without a query.
    """
    shown = {name: getattr(_owner(model, name), name) for name in LINKED_PARAMETERS}
    changed = {name: v for name, v in shown.items() if v != _default_value(model, name)}
    changed.pop("cycle" if model.config.cycles is None else "time", None)
    return query(model.config, changed, base)


def _owner(model: LabModel, name: str) -> param.Parameterized:
    """Return the object that has a parameter of the link."""
    if name == "cycle":
        return model.display.cycles
    return model if name == "page" else model.display


def apply_display_state(model: LabModel, texts: Mapping[str, str]) -> None:
    """Set parameters of the page and of its display from texts, by name.

    Raises:
        InputError: for a text that is no value of its parameter.
    """
    for name, text in texts.items():
        owner = _owner(model, name)
        parameter = owner.param[name]
        try:
            value = read_number(text) if isinstance(parameter, param.Integer) else text
            setattr(owner, name, _in_window(model, value) if name == "time" else value)
        except (ValueError, TypeError):
            raise InputError(f"{name} in the link", text, _bound(parameter), "Leave it out.") \
                from None


def _default_value(model: LabModel, name: str) -> Any:
    """Return the value of a parameter before anyone sets it."""
    parameter = _owner(model, name).param[name]
    if isinstance(parameter, param.Selector):
        return parameter.objects[0]
    return _in_window(model, parameter.default) if name == "time" else parameter.default


def _in_window(model: LabModel, time: Any) -> int:
    return min(time, model.display.window - 1)


def _bound(parameter: param.Parameter) -> str:
    if isinstance(parameter, param.Selector):
        return f"must be one of {', '.join(map(str, parameter.objects))}"
    return f"must be a whole number, at least {parameter.bounds[0]}"
