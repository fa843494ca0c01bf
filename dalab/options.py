"""Options of configurable classes: their bounds, and the texts that set them.

A text is ``NAME``, ``NAME:VALUE`` for the first option of the entry, or
``NAME:option=value,option=value``. Bounds, defaults and documentation of options live on their
``param`` parameters.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import param

from .errors import InputError
from .option_fields import declaring_class, option_fields
from .values import checked, read, unique


def lookup(kind: str, name: str, registry: Mapping[str, Any]) -> Any:
    """The entry called ``name``.

    Raises:
        InputError: naming the known entries and the closest one, if there is none of that name.
    """
    if name in registry:
        return registry[name]
    bound = f"must be one of {', '.join(registry)}"
    raise InputError(kind, name, bound, suggestion(name, registry, "Choose one of them."))


def suggestion(name: str, known: Iterable[str], otherwise: str) -> str:
    """A remedy for a name that is unknown: the closest known one, if any is close.

    Several known names in one text are asked for one by one.
    """
    known = list(known)
    several = re.split(r"[,;+\s]+", name.strip())
    if len(several) > 1 and set(several) <= set(known):
        return f"Give them one by one: {' and '.join(map(repr, several))}."
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else otherwise


def options(cls: type[param.Parameterized]) -> dict[str, param.Parameter]:
    """The options of a class, by name, in the order in which they were declared."""
    found = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, param.Parameter) and name != "name" and value.precedence != -1:
                found[name] = cls.param[name]
    return found


def declarations(entry: Any) -> type[param.Parameterized] | None:
    """The class that declares the options of a registry entry, if it has any.

    It is the entry itself, the class of the options of a dataclass, or else the attribute
    ``declared_options``.
    """
    if not isinstance(entry, type):
        return getattr(entry, "declared_options", None)
    if issubclass(entry, param.Parameterized):
        return entry
    return declaring_class(entry) if option_fields(entry) else None


def build(kind: str, text: str, registry: Mapping[str, Any], *arguments: Any) -> Any:
    """The object that ``text`` describes.

    Args:
        kind: what is built, as the user knows it ("mask"); used in messages.
        text: ``NAME``, ``NAME:VALUE`` or ``NAME:option=value,...``.
        registry: known classes and factories by name.
        arguments: what the entry takes besides its options, such as the system of an operator.

    Raises:
        InputError: for an unknown name or option, or a value out of its bounds.
    """
    if not isinstance(text, str):
        raise InputError(kind, text, "must be text", "Put it in quotes.")
    name, _, values = with_plain_booleans(text).partition(":")
    entry, what = lookup(kind, name, registry), f"{kind} {name}"
    declared = declarations(entry)
    if declared is None:
        _refuse_options(what, values)
        return entry(*arguments)
    given = _parse(what, declared, values)
    made = configured(what, declared, given, *(arguments if declared is entry else ()))
    if declared is entry:
        return made
    return entry(*arguments, **{option: getattr(made, option) for option in given})


def _refuse_options(what: str, values: str) -> None:
    if values:
        raise InputError(what, values, "must have no options", "Give the name alone.")


def configured(
    what: str, cls: type[param.Parameterized], values: Mapping[str, Any], *arguments: Any
) -> Any:
    """An instance of ``cls`` with ``values`` for its options, checked one by one.

    Raises:
        InputError: for an unknown option, or a value out of its bounds.
    """
    known, values = options(cls), renamed(cls, values)
    for name in values:
        if name not in known:
            bound = f"must be one of {', '.join(known) or 'none'}"
            raise InputError(f"{what} option", name, bound, suggestion(name, known, "Leave it."))
    return cls(*arguments, **checked_options(what, cls, values))


def renamed(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values by the present names of the options; ``former_names`` of a class says which.

    Raises:
        InputError: for an option that is given by both of its names.
    """
    names = getattr(cls, "former_names", {})
    return unique([(names.get(name, name), value) for name, value in values.items()], "option")


def checked_options(
    what: str, cls: type[param.Parameterized], values: Mapping[str, Any]
) -> dict[str, Any]:
    """The values, those of options of ``cls`` in the types of their parameters.

    Raises:
        InputError: for a value out of its bounds.
    """
    known, values = options(cls), renamed(cls, values)
    return {
        name: checked(f"{what} {name}", known[name], value, default_remedy(known[name]))
        if name in known else value
        for name, value in values.items()
    }


def default_remedy(parameter: param.Parameter) -> str:
    """The advice to whoever gave a value out of the bounds of an option."""
    return f"The default is {default(parameter) or 'empty'}."


def default(parameter: param.Parameter) -> str:
    """The default of an option; ``auto`` where the method finds a value itself."""
    return "auto" if parameter.default is None else str(parameter.default)


def _parse(what: str, cls: type[param.Parameterized], arguments: str) -> dict[str, Any]:
    if not arguments:
        return {}
    known = options(cls)
    if not known:
        _refuse_options(what, arguments)
    if "=" not in arguments:
        first = next(iter(known))
        return {first: read(arguments, known[first])}
    found: dict[str, Any] = {}
    for item in _split(arguments):
        name, _, value = (part.strip() for part in item.partition("="))
        name = getattr(cls, "former_names", {}).get(name, name)
        if name in found:
            raise InputError(f"{what} option", name, "must be given once", "Leave one out.")
        found[name] = read(value, known.get(name))
    return found


def _split(arguments: str) -> list[str]:
    """Cut at the commas that are not inside brackets."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(arguments):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append(arguments[start:at])
            start = at + 1
    return [*parts, arguments[start:]]


def with_plain_booleans(text: str) -> str:
    """The text with ``True`` and ``False`` for values that spell them in other cases."""
    return _BOOLEAN.sub(lambda found: found[1] + found[2].capitalize(), text)


_BOOLEAN = re.compile(r"(?<=[:=])(\s*)(true|false)(?=\s*(?:,|$))", re.IGNORECASE)


def describe(obj: param.Parameterized, registry: Mapping[str, Any]) -> str:
    """The shortest text from which :func:`build` makes an equal object."""
    return with_options(next(key for key, cls in registry.items() if cls is type(obj)), obj)


def with_options(
    name: str, obj: param.Parameterized,
    spell: Callable[[param.Parameter, Any], str] = lambda parameter, value: str(value),
) -> str:
    """A name with the options of an object that differ from their defaults.

    Args:
        name: registry name.
        obj: object with the options.
        spell: spelling of a value of a parameter; ``str`` by default.
    """
    known = options(type(obj))
    changed = {k: getattr(obj, k) for k, p in known.items() if getattr(obj, k) != p.default}
    if not changed:
        return name
    return f"{name}:" + ",".join(f"{k}={spell(known[k], v)}" for k, v in changed.items())
