"""The prior of an experiment, which may have to be estimated first."""

from __future__ import annotations

from typing import Any

from ...priors import Prior, load_prior
from ...priors.base import check_windows
from ...priors.denoisers.augmented import Channels
from ...priors.loading import augmented_is_computed, is_estimated
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
    """The text of a prior that has yet to be estimated; empty if there is none."""
    held = vars(experiment)["prior"]
    return held if isinstance(held, str) and is_estimated(held, experiment.system) else ""


def check_prior(experiment: Any) -> None:
    """Check that a prior can be had, and fits the system and the window if a method uses it.

    It is loaded unless it has to be estimated: that takes time, and runs do it.

    Raises:
        InputError: for a text that names no prior of the system, an estimate for which the memory
            is too small, or a prior that does not fit.
    """
    if text_of_pending(experiment):
        check_estimate(experiment.system)
    if _is_used(experiment):
        _check_fit(experiment)
    elif not text_of_pending(experiment):
        experiment.prior  # noqa: B018  # loads it


def _is_used(experiment: Any) -> bool:
    return any(method.uses_prior for method in experiment.methods.values())


def _check_fit(experiment: Any) -> None:
    system, steps = experiment.system, experiment.window
    if text_of_pending(experiment):
        window = (WINDOW, *system.shape)
        check_windows("gaussian", window, system, min(steps, WINDOW))
    elif experiment.prior is None:
        return
    else:
        window = experiment.prior.window
        experiment.prior.check(system, min(steps, window[0]))
    check_extension(_augmented(experiment, window), steps)


def _augmented(experiment: Any, window: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of augmented windows, if a method uses them, else that of the windows."""
    if not any(method.uses_augmented for method in experiment.methods.values()):
        return window
    text = experiment.config.prior
    if not (text_of_pending(experiment) or augmented_is_computed(text, experiment.system)):
        return experiment.augmented.window
    fields = Channels.of(experiment.system, experiment.config.operators).total
    return (window[0], fields, *window[2:])
