"""Random values, option texts, links and files: used, or refused in one line, and nothing else."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import strategies as st

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.config_file import load_config
from dalab.foreign import plain, worker
from dalab.foreign.plain_reader import Reader
from dalab.observations import Operator
from dalab.options import options
from dalab.registry import REGISTRIES
from dalab.systems import ring
from dalab.views.model.config_text import read, script
from dalab.views.model.url import LINKED_PARAMETERS, default_config

from .limits import answer, fuzz
from .strategies import FIELD_TEXTS, FIELDS, NAMES, TEXTS, VALUES, registry_texts


def check_config(given):
    config = answer(lambda: Config.from_dict(given))
    if config is None:
        return
    answer(lambda: (str(config), repr(config), config._repr_html_(), script(config)))
    again = Config.from_json(config.to_json())
    assert again == config and again.hash() == config.hash() and hash(again) == hash(config)
    for name, value in config.to_dict().items():
        assert type(value) in (int, float, str, list, type(None)), name
        assert not isinstance(value, float) or math.isfinite(value), name


CONFIGS = st.lists(st.tuples(NAMES, VALUES) | FIELD_TEXTS, min_size=1, max_size=3).map(dict)
test_configs, test_many_configs = fuzz(CONFIGS, 145, 3000)(check_config)


def check_option(given):
    kind, text = given
    registry = REGISTRIES[kind]
    if kind == "priors":  # made by loading files: their texts alone
        answer(lambda: Config(prior=text))
        return
    made = answer(lambda: registry.make(text, *([ring()] if kind == "operators" else [])))
    described = made is not None and registry.describe(made)
    if not described or kind == "systems":
        return
    again = registry.make(described, *([ring()] if isinstance(made, Operator) else []))
    assert all(getattr(made, n) == getattr(again, n) for n in options(type(made))), described


test_options, test_many_options = fuzz(registry_texts(), 150, 3200)(check_option)

ARGUMENTS = st.lists(
    st.one_of(FIELD_TEXTS, st.tuples(st.sampled_from(LINKED_PARAMETERS), TEXTS)), max_size=4
)


def check_link(given):
    arguments: dict[str, list[str]] = {}
    for name, text in given:
        arguments.setdefault(name, []).append(text)
    answer(lambda: read(arguments, default_config({}), LINKED_PARAMETERS))


test_links, test_many_links = fuzz(ARGUMENTS, 60, 1300)(check_link)


class Here:
    """The reader of plain files in this process, with the errors of the one that has its own."""

    def __init__(self, reader, path, limits, *, what, must, remedy):
        try:
            self.content = json.loads(json.dumps(Reader(path, limits).content()))
        except Exception as error:
            about = worker.describe(error)
            reason = about.pop("reason", None)
            raise (InputError(**about) if reason is None else
                   InputError(what, str(path), f"{must} ({reason})", remedy)) from None

    def __enter__(self):
        return self

    def __exit__(self, *error: Any) -> None:
        pass


SCALARS = TEXTS | VALUES.map(lambda value: f"{value!r:.200}" if type(value) in (int, float) and
                             abs(value) < 1e300 else "null")
LINES = st.lists(st.tuples(st.sampled_from(FIELDS), SCALARS, st.sampled_from(
    ["{}: {}", "{}: [{}]", "{}:\n- {}", "{}: '{}'", '"{}": "{}"', "{}: !!int {}", "{}: !!float {}",
     "{}: &a {}", "{}: *a{}", "? {}\n: {}", "{}: |\n  {}", "{}: !!timestamp {}", "<<: {{{}: {}}}"]
)), max_size=3).map(lambda lines: "\n".join(form.format(k, v) for k, v, form in lines))
JSON = st.lists(st.tuples(st.sampled_from(FIELDS), SCALARS), max_size=3).map(
    lambda pairs: "{" + ",".join(f'"{name}": {value}' for name, value in pairs) + "}"
)
YAML = st.text(st.sampled_from("ab1 :-[]{}&*!|>'\"#%@,.\n\t?<~=ex_0+"), max_size=60)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file to be written, which is read in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "Process", Here)
        yield tmp_path_factory.mktemp("fuzz") / "config.yaml"


def check_file(path, given):
    path.write_bytes(given if isinstance(given, bytes) else given.encode("utf-8", "surrogatepass"))
    answer(lambda: load_config(path))


FILES = st.one_of(LINES, LINES, JSON, YAML, TEXTS, st.binary(max_size=40))
test_files, test_many_files = fuzz(FILES, 60, 1300)(check_file)
