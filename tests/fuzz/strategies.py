"""Values and texts of every kind that somebody may give."""

from __future__ import annotations

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import torch
from hypothesis import strategies as st

from dalab.experiments.config import Config
from dalab.options import declarations, options
from dalab.registry import REGISTRIES

KINDS = ("systems", "operators", "masks", "noises", "methods", "priors")
"""Registries with texts."""

SMALL = ("ring", "lorenz63", "lorenz96", "lorenz96:d=8", "kuramoto-sivashinsky",
         "lorenz96-two-scale", "lorenz96-ssls")
"""Systems of which nothing is loaded from files."""

NUMBERS = (
    0, 1, -1, 2, 3, 8, 9, 10**6, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 10**18, 3_000_000,
    10**400, 0.0, -0.0, 0.1, 0.5, 1.0, 2.5, 1e-300, 1e300, 5e-324, 1e-7,
    float("nan"), float("inf"), -float("inf"),
)
HUGE = st.integers(4000, 6000).map(lambda digits: (-1) ** digits * 10**digits)
"""Whole numbers, of which the larger ones have more digits than Python writes."""

OF_LIBRARIES = (
    np.int64(3), np.uint8(2), np.float32(0.5), np.float64(2.0), np.float16(1), np.bool_(True),
    np.longdouble(1), np.str_("full"), np.array(3), np.array([1, 2]), np.zeros((0,)),
    np.datetime64("2024-01-01"), torch.tensor(2), torch.tensor([0.5]), torch.tensor(True),
    Fraction(1, 3), Decimal("0.1"), complex(1, 2), datetime.date(2024, 1, 1),
)
OTHERS = (
    None, True, False, b"abc", bytearray(b"x"), [], (), {}, set(), frozenset({1}), [1], [[1]],
    ["full", 3], ("arctan", None), {"a": 1}, object(), print, Config, range(3), Ellipsis, float,
)
WRITTEN = (
    "", " ", "none", "None", "auto", "True", "true", "yes", "no", "on", "off", "~", "null", "nan",
    "inf", "-inf", ".inf", ".nan", "1_000", "0x10", "0o17", "0b1", "017", "1e-1", "1e1", "1.", ".5",
    "+5", "-5", "- 5", "1e400", "1e-400", "1,5", "1e", "e1", "1j", "9**9**9", "1:30", "2024-01-01",
    "٣", "½", "1/3", "[]", "()", "[1]", "[(1,2)]", "[(1.5,2)]", "[(1,True)]", "[(0,0),(0,0)]",
    "[(-1,0)]", "[(0,99999999999999999999)]", "((1,2),)", "[[1,2]]", "(1,2)", "[(1,2,3)]", "[1,",
    "'a'", '"0.5"', "b'x'", "{}", "{'a': 1}", "=", "==", ",", ":", "::", "a=b", "*", "&a", "!",
    "/", ".", "..", "/dev/zero", "/dev/stdin", "/etc/passwd", "../../x.nc", "~", "no.nc", "x.zarr",
    "no.safetensors", "\0", "\n", "a\nb", "\x1b[31m", "\ud800", "😀", "\u202e", "0-5,9", "100-1",
    "0.5:0.2", "5:5", "1x40x1.AAAA", "99999x99999x99999.AAAA", "random:0.5", "stride:3", "cuda:77",
)
LONG = st.builds(
    lambda part, count: part * count,
    st.sampled_from(["a", "é", "[", "(", "-", "1", "😀", "\ud800", ",", "=", ":", "a,", "(1,2),",
                     "true,", " ", "\n", "~", "1e", "0-9,", "&a ", "- ", "? "]),
    st.sampled_from([100, 5000, 60_000]),
)
ANY_TEXT = st.text(st.characters(), max_size=20)
TEXTS = st.one_of(
    st.sampled_from(WRITTEN), st.sampled_from(WRITTEN), ANY_TEXT, LONG,
    st.integers().map(str), st.floats().map(repr), st.integers(-9, 99).map(str),
)
SIMPLE = st.one_of(
    st.sampled_from(NUMBERS), st.sampled_from(OF_LIBRARIES), st.sampled_from(OTHERS), HUGE,
    st.integers(), st.floats(), st.binary(max_size=5), TEXTS,
)
VALUES = st.one_of(SIMPLE, st.recursive(
    SIMPLE, lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(ANY_TEXT, inner, max_size=2), max_leaves=6,
))
FIELDS = tuple(Config.fields())


@st.composite
def entry_texts(draw: st.DrawFn, kind: str, names: tuple[str, ...] = ()) -> str:
    """Texts of entries of a registry, with options that may or may not be right."""
    registry = REGISTRIES[kind]
    name = draw(st.sampled_from(names or tuple(registry)))
    declared = declarations(registry[name]) if name in registry else None
    known = tuple(options(declared)) if declared else ()
    option = st.sampled_from(known) if known else ANY_TEXT
    pairs = st.lists(st.tuples(option, TEXTS), max_size=3)
    form = draw(st.integers(0, 9))
    if form == 0:
        return draw(TEXTS)
    if form == 1:
        return f"{name}{draw(TEXTS)}"
    if form in (2, 3):
        return f"{name}:{draw(TEXTS)}"
    chosen = ",".join(f"{key}={value}" for key, value in draw(pairs))
    return f"{name}:{chosen}" if chosen else name


def registry_texts(kinds: tuple[str, ...] = KINDS) -> st.SearchStrategy[tuple[str, str]]:
    """Names of registries, and texts of their entries."""
    return st.sampled_from(kinds).flatmap(
        lambda kind: st.tuples(st.just(kind), entry_texts(kind))
    )


def field_texts(name: str) -> st.SearchStrategy[str]:
    """Texts for a field of a config."""
    registry = getattr(Config.fields().get(name), "registry", None)
    return entry_texts(registry) | TEXTS if registry in KINDS else TEXTS


NAMES = st.sampled_from((*FIELDS, *FIELDS, "operator", "nosie", "", "name", "a" * 5000))
FIELD_TEXTS = NAMES.flatmap(lambda name: st.tuples(st.just(name), field_texts(name)))
"""Names of fields, and texts for them."""
