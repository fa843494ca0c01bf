"""Random experiments and command lines: made, or refused in one line before any work."""

from __future__ import annotations

import shlex

import click.testing
import pytest
import typer
from hypothesis import strategies as st

from dalab import cli
from dalab.experiments.config import Config
from dalab.experiments.experiment import Experiment
from dalab.registry import REGISTRIES
from dalab.views.model.url import LINKED_PARAMETERS, model_from_url

from .limits import answer, check_message, fuzz
from .strategies import FIELD_TEXTS, FIELDS, SMALL, TEXTS, entry_texts

BOUNDED = tuple(n for n in FIELDS if getattr(Config.fields()[n], "bounds", None) is not None)


def numbers(name: str) -> st.SearchStrategy[float | None]:
    """Numbers within the bounds of a field, and at them."""
    field = Config.fields()[name]
    low, high = field.bounds
    whole = isinstance(low, int)
    inner = st.integers(low, high) if whole else st.floats(low, high, exclude_max=high == 1.0)
    near = st.integers(low, low + 12) if whole else inner
    edges = [low, high if whole else low, *([None] if field.allow_None else [])]
    return st.one_of(near, near, inner, st.sampled_from(edges))


def texts(kind: str) -> st.SearchStrategy[tuple[str, ...]]:
    """One or two texts of a registry, most of them names alone."""
    names = st.sampled_from(tuple(REGISTRIES[kind]))
    return st.lists(st.one_of(names, names, entry_texts(kind)), min_size=1, max_size=2).map(tuple)


PARTS = {
    "system": st.sampled_from(SMALL) | entry_texts("systems", SMALL),
    "operators": texts("operators"), "masks": texts("masks"), "methods": texts("methods"),
    "noise_family": texts("noises").map(lambda found: found[0]),
    "prior": st.sampled_from(("auto", "gaussian", "gaussian", "qg64x", "x.safetensors")) | TEXTS,
    "truth": st.sampled_from(("model", "model", "pyqg", "model-fine", "lorenz96")) | TEXTS,
    "background_kind": st.sampled_from(("perturbed", "forecast", "previous")),
    "model_error": st.sampled_from(("told", "untold")), "device": st.sampled_from(("cpu", "gpu")),
    "start": TEXTS, "gaps": TEXTS, "shocks": TEXTS, "reference": TEXTS,
    **{name: numbers(name) for name in BOUNDED},
}
ALWAYS = ("system", "operators", "masks", "methods")
EXPERIMENTS = st.sets(st.sampled_from(tuple(PARTS)), max_size=4).flatmap(
    lambda names: st.fixed_dictionaries({name: PARTS[name] for name in (*ALWAYS, *names)})
)


def check_experiment(given):
    made = answer(lambda: Experiment.of({"device": "cpu", **given}))
    if made is not None:
        blind = made.observing.size == 0
        assert made.notice if blind else "observations" not in made.notice or made.schedule


test_experiments, test_many_experiments = fuzz(EXPERIMENTS, 40, 700)(check_experiment)

LINKS = st.tuples(
    EXPERIMENTS.map(lambda fields: [
        (name, str(text)) for name, value in fields.items()
        for text in (value if isinstance(value, tuple) else (value,))
    ]),
    st.lists(FIELD_TEXTS | st.tuples(st.sampled_from(LINKED_PARAMETERS), TEXTS), max_size=2),
).map(lambda parts: [*parts[0], *parts[1]])


def check_page(given):
    arguments = {}
    for name, text in given:
        arguments.setdefault(name, []).append(text)
    model = answer(lambda: model_from_url({}, arguments))
    if model.notice:
        check_message(model.notice)
    model.close()


test_pages, test_many_pages = fuzz(LINKS, 5, 100)(check_page)

OPTIONS = {name.removesuffix("s") if name in ("operators", "masks", "methods") else name: name
           for name in FIELDS}
COMMANDS = st.lists(st.one_of(
    FIELD_TEXTS.map(lambda pair: [f"--{pair[0].replace('_', '-')}", pair[1]]),
    st.sampled_from(tuple(OPTIONS)).flatmap(lambda option: TEXTS.map(
        lambda text: [f"--{option.replace('_', '-')}={text}"]
    )),
    TEXTS.map(lambda text: [text]),
), max_size=3).map(lambda parts: [word for part in parts for word in part])


@pytest.fixture(scope="module")
def unrun():
    """The command line, whose runs end once their experiment is made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "_run", lambda config, *_: answer_of(config))
        patch.setattr(cli, "_finish", lambda tree: None)
        command = typer.main.get_command(cli.app)  # made once: that takes longer than a call
        yield lambda words: click.testing.CliRunner().invoke(command, words)


def answer_of(config: Config) -> None:
    """Make the experiment of a config, of a small system: the others are tried elsewhere."""
    Experiment.of(config.replace(system="ring", prior="auto", device="cpu"))


def check_command(unrun, given):
    words = ["run", "--system", "ring", *given]
    done = answer(lambda: unrun(words))
    said = f"{shlex.join(words)[:300]}\n{done.output[-2000:]}"
    assert done.exit_code in (0, 2), said
    assert done.exception is None or isinstance(done.exception, SystemExit), said
    if "Error: " in done.stderr:
        check_message(done.stderr.partition("Error: ")[2].strip())


test_commands, test_many_commands = fuzz(COMMANDS, 40, 400)(check_command)
