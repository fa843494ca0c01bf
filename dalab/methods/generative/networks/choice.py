"""Choice of the network of a score filter for what an experiment observes."""

from __future__ import annotations

from torch import Tensor

from ....errors import InputError
from ....systems.base import System
from ...base import Problem
from .score_network import ScoreNetwork, architecture_for
from .stored import StoredNetwork, load_network, network_names, network_path

NEW = "new"
"""Choice of a network that has seen nothing yet."""


def chosen_network(text: str, method: str, problem: Problem) -> StoredNetwork:
    """The network of a name or file; by default a bundled one that fits the problem.

    Args:
        text: name or file; empty for any bundled one that fits.
        method: whose network is wanted, as recipes name it.
        problem: the problem, of which every time must look alike to a network of observations.

    Raises:
        InputError: if there is none, or what is observed differs from one time to another.
    """
    reason = "are about other systems or methods"
    for one in [text] if text else network_names():
        stored = load_network(one)
        misfit = _misfit(stored, method, problem)
        if not misfit:
            return stored
        if text:
            raise InputError(
                "network", str(network_path(text)), f"must fit the experiment; it {misfit}",
                "Train one with dalab train, or use score=gaussian.",
            )
        if stored.method == method and stored.system == problem.system.name:
            reason = f"{stored.name} {misfit}"
    raise InputError(
        "network", text, f"must be given: the bundled ones do not fit ({reason})",
        "Train one with dalab train, use network=new, or score=gaussian.",
    )


def _misfit(stored: StoredNetwork, method: str, problem: Problem) -> str:
    for k in range(problem.network.steps):
        now = problem.network.at(k)
        if now.size and (found := stored.misfit(method, problem.system, now)):
            return found
    return ""


def new_network(system: System, heads: int, observed: Tensor | None) -> ScoreNetwork:
    """A network that has seen nothing yet."""
    return ScoreNetwork(system.shape, architecture_for(system.shape, heads), observed)
