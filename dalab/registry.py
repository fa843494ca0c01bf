"""Registries of systems, operators, masks, noises, priors and methods, and texts that name entries.

A text is ``NAME``, ``NAME:VALUE`` for the first option of the entry, or
``NAME:option=value,option=value``. Bounds, defaults and documentation of options live on their
``param`` parameters. Packages add entries by entry points of the groups ``dalab.systems``,
``dalab.operators``, ``dalab.masks``, ``dalab.noises``, ``dalab.priors`` and ``dalab.methods``;
sessions add them by :func:`register`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar, overload

import param

from .errors import InputError
from .options import build, with_options

T = TypeVar("T")

REGISTRIES: dict[str, Registry] = {}
"""The registries by the plural that the command line calls them, such as ``"masks"``."""


class Registry(MutableMapping[str, Any]):
    """The entries of one kind, by name; those of installed packages are found on first use.

    Args:
        kind: singular for messages, such as ``"noise family"``.
        plural: key in :data:`REGISTRIES` and last part of the group of entry points.
        base: class of what the entries make.
        entries: classes or factories that come with dalab, by name.
    """

    def __init__(
        self, kind: str, plural: str, base: type, entries: Mapping[str, Any]
    ) -> None:
        self.kind, self.plural, self.base = kind, plural, base
        self.builtin = frozenset(entries)
        self._entries, self._complete = dict(entries), False
        REGISTRIES[plural] = self

    def __getitem__(self, name: str) -> Any:
        return self._loaded()[name]

    def __setitem__(self, name: str, entry: Any) -> None:
        self._entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())

    def _loaded(self) -> dict[str, Any]:
        """All entries, those of installed packages included."""
        if not self._complete:
            self._complete = True
            for point in entry_points(group=f"dalab.{self.plural}"):
                self._load(point)
        return self._entries

    def _load(self, point: EntryPoint) -> None:
        """Add the entry of an installed package; a broken package costs a warning only."""
        try:
            self._entries.setdefault(point.name, point.load())
        except Exception as error:  # whatever another package raises
            warnings.warn(
                f"dalab cannot load the {self.kind} {point.name!r} from {point.value}: {error}",
                RuntimeWarning, stacklevel=2,
            )

    def make(self, text: str, *arguments: Any) -> Any:
        """The object that a text describes.

        Args:
            text: ``NAME``, ``NAME:VALUE`` or ``NAME:option=value,...``.
            arguments: what the entry takes besides its options.

        Raises:
            InputError: for an unknown name or option, or a value out of its bounds.
        """
        return build(self.kind, text, self, *arguments)

    def name_of(self, thing: Any) -> str | None:
        """The name under which an object, or its class, is registered; ``None`` if it is not."""
        for name, entry in self.items():
            if entry is type(thing) or (isinstance(entry, Instance) and entry.wrapped is thing):
                return name
        return None

    def describe(self, thing: Any) -> str | None:
        """The shortest text from which :meth:`make` makes an equal object, if there is one."""
        name = self.name_of(thing)
        if name is not None and isinstance(self[name], Instance):
            return name
        if name is not None and isinstance(thing, param.Parameterized):
            return with_options(name, thing)
        text = getattr(thing, "name", None)
        return text if isinstance(text, str) and self._makes(text, thing) else None

    def _makes(self, text: str, thing: Any) -> bool:
        """True if a text describes an object equal to the one that it is the name of."""
        if text.partition(":")[0] not in self:
            return False
        try:
            return _equal(self.make(text), thing)
        except InputError:  # a name that looks like a text
            return False

    def add(self, name: str, entry: Any) -> None:
        """Register an entry under a new name, or again after its definition was run again.

        Raises:
            InputError: if the name has characters that texts give a meaning, or belongs to
                something else.
        """
        if not re.fullmatch(r"[\w.-]+", name):
            raise InputError(
                f"name of a {self.kind}", name,
                "must be made of letters, digits, dots, hyphens and underscores",
                "Use a short name such as my-model.",
            )
        known = self._loaded().get(name)
        if name in self.builtin or (known is not None and not _same_source(known, entry)):
            raise InputError(
                f"name of a {self.kind}", name, "must not be taken",
                f"Register it under another name: register(..., name=\"my-{name}\").",
            )
        self[name] = entry


def _equal(a: Any, b: Any) -> bool:
    """True for objects of one class with equal attributes, as far as these can be compared."""
    try:
        return bool(a == b or (type(a) is type(b) and vars(a) == vars(b)))
    except Exception:  # tensors among them, say
        return False


def _same_source(known: Any, entry: Any) -> bool:
    """True if both are versions of one definition, as when a notebook cell is run twice."""
    a, b = (getattr(e, "wrapped", e) for e in (known, entry))
    a, b = (e if isinstance(e, type) or callable(e) else type(e) for e in (a, b))
    return (a.__module__, a.__qualname__) == (b.__module__, b.__qualname__)


class Instance:
    """A factory that always returns one object.

    Args:
        wrapped: the object.
    """

    def __init__(self, wrapped: Any) -> None:
        self.wrapped, self.__doc__ = wrapped, type(wrapped).__doc__

    def __call__(self, *arguments: Any) -> Any:
        return self.wrapped


@overload
def register(thing: T, *, name: str | None = None) -> T: ...


@overload
def register(thing: None = None, *, name: str | None = None) -> Callable[[T], T]: ...


def register(thing: Any = None, *, name: str | None = None) -> Any:
    """Add a class or an object to the registry of its kind, by its base class.

    Systems, operators, masks, noises, priors and methods are recognised. What is registered can be
    named in configs, on the command line and in both interfaces from then on. Works as a decorator
    with and without a name::

        @dalab.register
        class Nudging(dalab.Method): ...

        dalab.register(GaussianPrior.fit(windows), name="my-climate")

    Args:
        thing: a subclass or an instance of ``System``, ``Operator``, ``Mask``, ``Noise``, ``Prior``
            or ``Method``; classes of systems are made without arguments, classes of priors with
            the system.
        name: name of the entry; the attribute ``name`` of an object, or the name of the class in
            kebab case, by default.

    Returns:
        ``thing`` itself.

    Raises:
        InputError: for a thing of another kind, or a name that is taken.
    """
    if thing is None:
        return partial(register, name=name)
    registry = registry_of(thing)
    entry = thing if isinstance(thing, type) else Instance(thing)
    registry.add(name or _default_name(thing), entry)
    return thing


def registry_of(thing: Any) -> Registry:
    """The registry that a class or an object belongs to.

    Raises:
        InputError: if there is none.
    """
    cls = thing if isinstance(thing, type) else type(thing)
    for registry in REGISTRIES.values():
        if issubclass(cls, registry.base):
            return registry
    kinds = ", ".join(registry.base.__name__ for registry in REGISTRIES.values())
    raise InputError(
        "thing to register", cls.__name__, f"must derive from one of {kinds}",
        "Give it the base class of its kind, such as dalab.Method.",
    )


def _default_name(thing: Any) -> str:
    if isinstance(thing, type):
        return kebab(thing.__name__)
    own = getattr(thing, "name", None)  # that of a Parameterized is a serial number
    if isinstance(own, str) and not isinstance(thing, param.Parameterized):
        return own
    return kebab(type(thing).__name__)


def kebab(name: str) -> str:
    """The name of a class in kebab case: ``MyModel`` becomes ``my-model``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()
