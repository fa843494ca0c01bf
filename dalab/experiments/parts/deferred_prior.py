"""The prior of an experiment, which may have to be estimated first."""

from __future__ import annotations

from typing import Any

from ...priors import Prior, load_prior
from ...priors.base import check_windows
from ...priors.denoisers.augmented import Channels
from ...priors.loading import is_estimated
from ...priors.training.climatology import WINDOW, check_estimate
from ..memory import check_extension


class DeferredPrior:
    """Field of an experiment: its prior, or the text of one, which is loaded when it is needed."""

    def __get__(self, experiment: Any, owner: type | None = None) -> Any:
        if experiment is None:
            return None  # the default of the field
        held = vars(experiment)["prior"]
        if isinstance(held, str):
            held = load_prior(held, experiment.system)
            vars(experiment)["prior"] = held
        return held

    def __set__(self, experiment: Any, prior: Prior | str | None) -> None:
        vars(experiment)["prior"] = prior


def text_of_pending(experiment: Any) -> str:
    """The text of a prior that has yet to be loaded; empty if there is none."""
    held = vars(experiment)["prior"]
    return held if isinstance(held, str) else ""


def load_unless_estimated(experiment: Any) -> None:
    """Load the prior, unless it has to be estimated: that takes time, and runs do it.

    Raises:
        InputError: for a text that names no prior of the system.
    """
    text = text_of_pending(experiment)
    if text and not is_estimated(text, experiment.system):
        experiment.prior  # noqa: B018  # loads it


def check_estimate_of(experiment: Any) -> None:
    """Raise if the prior of an experiment has to be estimated, and the memory is too small for it.

    Raises:
        InputError: if it is.
    """
    if text_of_pending(experiment):
        check_estimate(experiment.system)


def check_prior(experiment: Any) -> None:
    """Check that a prior fits the system and the window of an experiment, whose methods use it.

    Raises:
        InputError: if it does not.
    """
    system, steps = experiment.system, experiment.window
    if text_of_pending(experiment):
        window = (WINDOW, *system.shape)
        check_windows("gaussian", window, system, min(steps, WINDOW))
        if any(method.uses_augmented for method in experiment.methods.values()):
            fields = Channels.of(system, experiment.config.operators).total
            window = (WINDOW, fields, *system.shape[1:])
    elif experiment.prior is None:
        return
    else:
        window = experiment.prior.window
        experiment.prior.check(system, min(steps, window[0]))
        window = (experiment.augmented or experiment.prior).window
    check_extension(window, steps)
