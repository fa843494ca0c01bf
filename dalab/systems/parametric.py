"""Systems with parameters: named settings, and the texts of everything between them.

A :class:`Setting` is the entry of a registry: a named system whose parameters are options of its
text. A system with other parameters carries its text as its name, so that nothing that is found by
name (libraries of states, trained priors, tuned filters) is taken for its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, update_wrapper
from typing import Any, Generic, Self, TypeVar

from torch import Tensor

from ..option_fields import (
    declaring_class,
    option_fields,
    option_values,
    text_with_options,
)
from ..options import configured
from .base import System

SETTINGS: dict[str, ParametricSystem] = {}
"""The system of every named setting, whose parameters go without saying."""


@dataclass(frozen=True)
class ParametricSystem(System):
    """A frozen dataclass of a system whose parameters are options.

    Fields made by :func:`dalab.option_fields.option` are the parameters. They are checked when a
    system is made. The name of a system whose parameters differ from those of the setting that it
    is named after becomes a text that says them: ``lorenz96:d=1000,forcing=8.17``.

    Raises:
        InputError: if a parameter is out of its bounds.
    """

    def __post_init__(self) -> None:
        check_options(self)
        object.__setattr__(self, "name", text_of(self))

    @property
    def base_name(self) -> str:
        """Name of the setting that the system is a variant of."""
        return self.name.partition(":")[0]

    @property
    def options(self) -> Any:
        """The dataclass whose fields are the parameters: the system itself by default."""
        return self

    def with_options(self, **values: Any) -> Self:
        """The same system with some parameters changed, named after them.

        Args:
            values: parameters by name.

        Raises:
            InputError: if a parameter is unknown or out of its bounds.
        """
        declared = declaring_class(type(self.options), option_values(self.options))
        configured(f"system {self.base_name}", declared, values)
        return self._replaced(**values)

    def _replaced(self, **values: Any) -> Self:
        return replace(self, **values)


class SpunUp(ParametricSystem):
    """A system that spins up from initial states of its own: its states are made once and kept.

    The attribute ``spinup`` says after how many intervals such a state has become one of the
    climate.
    """

    independent_climate = False

    def initial_states(self, count: int, seed: int) -> Tensor:
        """States that spin-ups start from, normalised, ``(count, *shape)``, float32.

        A state does not depend on how many there are.

        Args:
            count: states wanted.
            seed: of their noise.
        """
        raise NotImplementedError

    def integrate(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the states 1, 2, ... intervals after ``x``, without end and without gradients."""
        raise NotImplementedError


S = TypeVar("S", bound=ParametricSystem)


class Setting(Generic[S]):
    """A registry entry: a named system, and its variants by options.

    It is called with parameters by name, all of which have the values of the setting by default.

    Args:
        make: makes the system; its docstring describes the setting.
    """

    def __init__(self, make: Callable[[], S]) -> None:
        self.system = make()
        options = self.system.options
        self.declared_options = declaring_class(type(options), option_values(options))
        SETTINGS[self.system.name] = self.system
        update_wrapper(self, make)

    def __call__(self, **values: Any) -> S:
        return self.system.with_options(**values) if values else self.system


def check_options(thing: Any) -> None:
    """Check the options of a frozen dataclass, and keep numbers in the type of their option.

    Raises:
        InputError: if one is out of its bounds.
    """
    cls: type = type(thing)
    made = configured(cls.__name__, _declarations(cls), option_values(thing))
    for name in option_fields(cls):
        object.__setattr__(thing, name, getattr(made, name))


_declarations = lru_cache(declaring_class)


def text_of(system: ParametricSystem) -> str:
    """The name of a system, with the parameters in which it differs from the setting named."""
    setting = SETTINGS.get(system.base_name)
    if type(setting) is not type(system):
        return system.name
    return text_with_options(system.base_name, system.options, option_values(setting.options))
