"""A griffe extension: docstrings of the package as the API reference shows them."""

from __future__ import annotations

import ast
import importlib
import re
from typing import Any

import griffe

from dalab.option_fields import option_fields

ROLE = re.compile(r":\w+:`~?\.?([^`]+)`")


class Docstrings(griffe.Extension):
    """Takes the ``doc`` of ``param`` parameters for their docstring, and roles for code."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Link ``:class:`dalab.full.Name```, and write short names in the type of code."""
        if obj.docstring is not None:
            obj.docstring.value = ROLE.sub(reference, obj.docstring.value)

    def on_attribute_instance(self, *, attr: griffe.Attribute, **kwargs: Any) -> None:
        """Document ``width = param.Number(0.5, doc="...")`` and option fields by their ``doc``."""
        doc = stated(attr.value) or declared(attr)
        if attr.docstring is None and doc is not None:
            attr.docstring = griffe.Docstring(doc, parent=attr, lineno=attr.lineno)


def reference(role: re.Match) -> str:
    """A name in the type of code, linked if it is a full one."""
    return f"[`{role[1]}`][{role[1]}]" if role[1].startswith("dalab.") else f"`{role[1]}`"


def stated(value: str | griffe.Expr | None) -> str | None:
    """The ``doc`` of an expression ``param.Anything(..., doc="...")``, or None."""
    if not isinstance(value, griffe.ExprCall) or not str(value.function).startswith("param."):
        return None
    for argument in value.arguments:
        if isinstance(argument, griffe.ExprKeyword) and argument.name == "doc":
            return ast.literal_eval(str(argument.value))
    return None


def declared(attr: griffe.Attribute) -> str | None:
    """The ``doc`` of the option that an attribute of a dataclass is, or None."""
    if not attr.parent.is_class:
        return None
    module = importlib.import_module(attr.parent.module.path)
    parameter = option_fields(getattr(module, attr.parent.name, type)).get(attr.name)
    return None if parameter is None else parameter.doc
