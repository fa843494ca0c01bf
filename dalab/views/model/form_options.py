"""Editable copies of the options of a registry class.

A class of a registry refuses a value out of bounds at once. A form cannot: the value has to stand
while it is typed, next to the message that says what is wrong with it. So a form edits a copy of
the options without their bounds, and the text made from it is checked as any other text.
"""

from __future__ import annotations

from collections.abc import Collection

import param

from ...options import options, with_options


def editable(
    cls: type[param.Parameterized], inherited: Collection[str] = ()
) -> param.Parameterized:
    """An object with the options of ``cls``, their defaults and documentation, but no bounds.

    Args:
        cls: a class of a registry.
        inherited: options that are set elsewhere unless they are set here: ``None`` by default.
    """
    fields = {
        k: form_value(p, default=None if k in inherited else p.default)
        for k, p in options(cls).items()
    }
    return type(f"{cls.__name__}Options", (param.Parameterized,), fields)()


def form_value(parameter: param.Parameter, default: object) -> param.Parameter:
    """The parameter by which a form edits another one: the same words and kind, but no bounds."""
    common = {"default": default, "doc": parameter.doc, "label": parameter.label}
    if isinstance(parameter, param.Selector):
        return param.Selector(objects=list(parameter.objects), **common)
    if isinstance(parameter, param.Boolean):
        return param.Boolean(**common)
    return FreeValue(
        kind=_kind(parameter), step=getattr(parameter, "step", None),
        placeholder="auto" if default is None else "", **common,
    )


def _kind(parameter: param.Parameter) -> str:
    kinds = {param.Integer: "integer", param.Number: "number", param.List: "list"}
    return next((kind for cls, kind in kinds.items() if isinstance(parameter, cls)), "text")


class FreeValue(param.Parameter):
    """Any value, meant to be of a kind.

    Args:
        kind: ``integer``, ``number``, ``text`` or ``list``; which sort of field edits it.
        step: by how much the arrows of a field of a number change it, unless the default tells.
        placeholder: shown in a field that is left empty: the value that is used then.
    """

    __slots__ = ["kind", "step", "placeholder"]

    def __init__(
        self, default: object = None, *, kind: str = "number", step: float | None = None,
        placeholder: str = "", **keywords: object,
    ) -> None:
        super().__init__(default, **keywords)
        self.kind, self.step, self.placeholder = kind, step, placeholder


def text(name: str, values: param.Parameterized) -> str:
    """The registry text of ``name`` with the options that differ from their defaults."""
    return with_options(name, values, _value_text)


def _value_text(parameter: param.Parameter, value: object) -> str:
    """A value as a registry text spells it; a typed list gets the brackets it may lack."""
    bare = str(value).strip()
    listed = isinstance(parameter, FreeValue) and parameter.kind == "list"
    return f"[{bare}]" if listed and not bare.startswith("[") else bare
