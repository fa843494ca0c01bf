"""Options of frozen dataclasses: fields that declare their bounds and documentation.

A field made by :func:`option` is an ordinary field whose default, bounds and documentation are
those of a ``param`` parameter, so that texts, forms and the catalogue treat it like an option of a
method.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import param


def option(parameter: param.Parameter) -> Any:
    """Make the field of a dataclass that has the default and the bounds of a parameter."""
    return dataclasses.field(default=parameter.default, metadata={"option": parameter})


def option_fields(cls: type) -> dict[str, param.Parameter]:
    """The options of a dataclass, by name: its own in their order, then those of its bases."""
    fields = {field.name: field.metadata.get("option") for field in dataclasses.fields(cls)}
    order = [name for base in cls.__mro__ for name in inspect.get_annotations(base)]
    return {n: fields[n] for n in dict.fromkeys(order) if fields.get(n) is not None}


def declaring_class(
    cls: type, values: Mapping[str, Any] | None = None
) -> type[param.Parameterized]:
    """A class whose parameters are the options of a dataclass.

    Args:
        cls: the dataclass.
        values: defaults by name, where they are not those of the dataclass.
    """
    fields = {}
    for name, parameter in option_fields(cls).items():
        fields[name] = copy.copy(parameter)
        fields[name].default = (values or {}).get(name, parameter.default)
    return type(f"{cls.__name__}Options", (param.Parameterized,), fields)


def option_values(thing: Any) -> dict[str, Any]:
    """The options of an instance of a dataclass, by name."""
    return {name: getattr(thing, name) for name in option_fields(type(thing))}


def plain_number(parameter: param.Parameter, value: Any) -> Any:
    """A value in the type of its option: 35 and 35.0 are one value of a real number."""
    if isinstance(parameter, param.Integer):
        return int(value)
    return float(value) if isinstance(parameter, param.Number) else value


def spelled_number(parameter: param.Parameter, value: Any) -> str:
    """The shortest text of a value that is read as the same value."""
    return str(value).removesuffix(".0")
