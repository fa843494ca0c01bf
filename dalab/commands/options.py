"""Command-line options made from the fields of a config."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any

import param
import typer

from ..errors import VALUE, one_line
from ..experiments.config import Config, Texts
from ..values import read_number, read_real


def with_config_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command, its ``**fields`` spelt out as one option for every field of a config."""
    signature = inspect.signature(command, eval_str=True)
    own = [p.replace(kind=p.KEYWORD_ONLY) for p in signature.parameters.values()
           if p.kind is not p.VAR_KEYWORD]
    options = list(_options())
    known = {p.name: p.annotation for p in (*own, *options)}

    def spelt_out(**given: Any) -> None:
        for several, field in _SEVERAL.items():
            given[field] = given.pop(several)
        command(**given)

    spelt_out.__name__, spelt_out.__doc__ = command.__name__, command.__doc__
    spelt_out.__annotations__ = known
    parameters = [own[0], *options, *own[1:]]
    spelt_out.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return spelt_out


_SEVERAL = {
    name.removesuffix("s"): name
    for name, field in Config.fields().items() if isinstance(field, Texts)
}
"""Fields of several texts, each given by an option of its own, by the name of that option."""


def _options() -> Iterator[inspect.Parameter]:
    for name, field in Config.fields().items():
        several = isinstance(field, Texts)
        option = name.removesuffix("s") if several else name
        kind: Any = list[str] if several else str
        about: dict[str, Any] = {"help": _help(field)}
        if isinstance(field, param.Number):
            whole = isinstance(field, param.Integer)
            kind = int if whole else float
            about |= {"parser": partial(_number, whole), "metavar": f"<{kind.__name__}>"}
        yield inspect.Parameter(
            option, inspect.Parameter.KEYWORD_ONLY, default=None,
            annotation=Annotated[kind | None, typer.Option(**about)],
        )


def _number(whole: bool, text: str) -> int | float:
    """A number as all of dalab reads it; its field has the bounds."""
    found = read_number(text) if whole else read_real(text)
    if found is None:
        raise typer.BadParameter(f"{one_line(text, VALUE)!r} is no number.")
    return found


def _help(field: param.Parameter) -> str:
    """The documentation of a field, and where its entries are listed."""
    registry = getattr(field, "registry", None)
    listed = f"; see: dalab list {registry}" if registry else ""
    again = "; may be repeated" if isinstance(field, Texts) else ""
    return f"{field.doc}{again}{listed}"
