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


def positive(default: float, most: float, doc: str) -> Any:
    """Make the field of a number above 0, at most ``most``."""
    bounds = {"bounds": (0.0, most), "inclusive_bounds": (False, True)}
    return option(param.Number(default, doc=doc, **bounds))


def real(default: float, least: float, most: float, doc: str) -> Any:
    """Make the field of a number between two bounds, which it may take."""
    return option(param.Number(default, bounds=(least, most), doc=doc))


def whole(default: int, least: int, most: int, doc: str) -> Any:
    """Make the field of a whole number between two bounds, which it may take."""
    return option(param.Integer(default, bounds=(least, most), doc=doc))


def option_fields(cls: type) -> dict[str, param.Parameter]:
    """The options of a dataclass, by name: its own in their order, then those of its bases."""
    if not dataclasses.is_dataclass(cls):
        return {}
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


def text_with_options(name: str, thing: Any, defaults: Mapping[str, Any] | None = None) -> str:
    """The shortest registry text of a dataclass: a name, and the options that are not defaults.

    Args:
        name: registry name.
        thing: instance of the dataclass.
        defaults: values that go without saying; those of the fields if left out.
    """
    known = {n: p.default for n, p in option_fields(type(thing)).items()} | dict(defaults or {})
    values = option_values(thing)
    changed = [f"{n}={_spelled(v)}" for n, v in values.items() if v != known[n]]
    return f"{name}:{','.join(changed)}" if changed else name


def _spelled(value: Any) -> str:
    return str(value).removesuffix(".0")
