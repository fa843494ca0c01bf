"""The truth and the observing network that the choices would make, prepared in the background."""

from __future__ import annotations

from ..errors import InputError
from ..experiments.config import Config
from ..experiments.twin import Twin, prepare
from .worker import Newest


class Preview(Newest):
    """Prepares what was chosen last."""

    def __init__(self) -> None:
        super().__init__("dalab preview")

    def prepare(self, config: Config) -> None:
        """Prepare ``config`` and forget what was asked for before."""
        self.submit(lambda: prepare(config))

    def twin(self) -> Twin | str | None:
        """What has been prepared, or why it could not be, once; ``None`` if nothing is new."""
        answer = self.take()
        return said(answer) if isinstance(answer, Exception) else answer


def said(error: Exception) -> str:
    """What to tell a person about an error in a preview."""
    if isinstance(error, InputError):
        return str(error)
    return f"The preview failed. {type(error).__name__}: {error}"


def observing(config: Config) -> Config:
    """The part of a config that truth and observations depend on."""
    rest = Config()
    return config.replace(
        methods=rest.methods, members=rest.members, steps=rest.steps, prior=rest.prior,
        device=rest.device,
    )
