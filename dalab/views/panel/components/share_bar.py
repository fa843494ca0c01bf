"""Share, download and open: the buttons of the Panel skin by which a set-up and its runs travel.

The address of the page follows what is chosen. Files are made by a worker when they are asked for;
what is dropped on the page arrives in pieces and is read by the same worker.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import panel as pn
import param
from panel.custom import JSComponent

from ....errors import InputError
from ....experiments.config import Config
from ....experiments.results.stored_run import StoredRun
from ...model.config_text import FOREIGN, command, script
from ...model.controls import FILE, Controls
from ...model.history import Kept, keep
from ...model.lab import LabModel
from ...model.observed_run import Watch
from ...model.uploads import Upload, opened
from ...model.url import LOOKED, link, usual
from ...render.exports import FORMATS, WORKER

PIECE = 3 << 20
"""Bytes of a file that travel at a time."""


class ShareBar(JSComponent):
    """The buttons, and what they have at hand.

    Args:
        model: what is shared.
        base: the experiment of the page whose address says nothing.
    """

    query = param.String(doc="of the link to what is on the screen")
    python = param.String(doc="script that repeats the run on show")
    command = param.String(doc="command that repeats the run on show")
    ready = param.Boolean(False, doc="whether there is a run to download")
    formats = param.List([
        {"key": key, "title": form.title, "about": form.about} for key, form in FORMATS.items()
    ])
    foreign = param.List(list(FOREIGN), doc="names in the address that are not the bar's")
    piece = param.Integer(PIECE, doc="bytes of a piece of a file")

    _esm = Path(__file__).with_name("share_bar.js")
    _stylesheets = [Path(__file__).with_name("share_bar.css")]

    def __init__(self, model: LabModel, base: Config, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.model, self.base = model, base
        self._upload: Upload | None = None
        self._outgoing: deque[tuple[dict[str, Any], bytes]] = deque()
        self.follow()
        model.param.watch(lambda *events: self.follow(), [*Controls.param, *LOOKED, *_TOLD])
        for options in model.option_sets():
            options.param.watch(lambda *events: self.follow(), list(options.param))

    def follow(self) -> None:
        """Say what is on the screen now."""
        model = self.model
        kept = None if model.busy else model.kept
        config, note = (model.config(), "") if kept is None else _repeated(kept)
        changes = {
            "query": self.query if model.error else link(model, self.base),
            "python": script(config, note), "command": command(config), "ready": kept is not None,
        }
        self.param.update(**{k: v for k, v in changes.items() if getattr(self, k) != v})

    def _handle_msg(self, data: Mapping[str, Any]) -> None:
        """What the buttons ask for."""
        wishes: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "make": self._make, "more": self._go_on, "open": self._open, "piece": self._take,
        }
        try:
            wishes[data["do"]](data)
        except InputError as error:
            self._refuse(error)

    # --- files that go out ----------------------------------------------------------------------

    def _make(self, data: Mapping[str, Any]) -> None:
        """Make a file of the run on show, or of that with the number."""
        form, look, number = FORMATS[data["what"]], self.model.look, data.get("number")
        numbered = (k for k in self.model.history if k.number == number)
        kept = self.model.kept if number is None else next(numbered, None)
        if kept is None:
            return
        name = f"dalab-{kept.config.hash()}.{form.suffix}"
        _later(lambda: form.make(kept, look), lambda made: self.send(name, form.kind, made))

    def send(self, name: str, kind: str, content: bytes | Exception) -> None:
        """Give a file to the browser, or say why there is none."""
        if isinstance(content, Exception):
            self._send_msg({"do": "say", "text": f"{name} could not be made: {content}"})
            return
        waiting = bool(self._outgoing)
        for at in range(0, len(content), PIECE):
            about = {"do": "file", "name": name, "kind": kind, "last": at + PIECE >= len(content)}
            self._outgoing.append((about, content[at : at + PIECE]))
        if not waiting:
            self._send_piece()

    def _send_piece(self) -> None:
        about, piece = self._outgoing[0]
        self._send_msg({**about, "data": base64.b64encode(piece).decode()})

    def _go_on(self, data: Mapping[str, Any]) -> None:
        """A piece has arrived: send the next one."""
        self._outgoing.popleft()
        if self._outgoing:
            self._send_piece()

    # --- files that come in ---------------------------------------------------------------------

    def _open(self, data: Mapping[str, Any]) -> None:
        """A file is about to come."""
        self._upload = Upload(str(data["name"]), int(data["size"]))
        self._send_msg({"do": "next"})

    def _take(self, data: Mapping[str, Any]) -> None:
        """A piece of it has come."""
        upload = self._upload
        if upload is None:
            return
        if not upload.add(base64.b64decode(data["data"])):
            self._send_msg({"do": "next"})
            return
        self._upload = None
        config = self.model.config()
        _later(lambda: opened(upload, config), lambda found: self.receive(upload.name, found))

    def receive(self, name: str, found: StoredRun | Path | Exception) -> None:
        """Show a stored run, take a truth, or say why not."""
        model = self.model
        try:
            if isinstance(found, Exception):
                raise found
            if isinstance(found, Path):
                model.param.update(truth=FILE, truth_file=str(found))
                said = f"The truth is now {name}"
            else:
                said = show(model, found, name)
        except InputError as error:
            self._refuse(error)
        else:
            self._send_msg({"do": "say", "text": said})

    def _refuse(self, error: InputError) -> None:
        """Say that a file cannot be used, and why."""
        self._upload = None
        self.model.error = f"The file cannot be used. {error}"
        self._send_msg({"do": "say", "text": "The file cannot be used"})


_TOLD = ("state", "error", "history")


def share_bar(model: LabModel, base: Config | None = None) -> ShareBar:
    """The buttons for a model; ``base`` is the experiment of a page without a query."""
    return ShareBar(model, base or usual({}), margin=0)


def show(model: LabModel, run: StoredRun, name: str) -> str:
    """Put a stored run among those of the session, and on show unless one goes on; say which.

    Raises:
        InputError: if the page's window or controls cannot hold the run.
    """
    if run.config.window != model.window:
        raise InputError(
            f"window of {name}", run.config.window, f"must be {model.window}, as on this page",
            f"Add window={run.config.window} to the address, and drop the file again.",
        )
    history = keep(model.history, Watch(run.config, run), name)
    model.show(history[-1])
    model.history = history
    return f"{name} is among the runs" if model.busy else f"{name} is on show"


def _repeated(kept: Kept) -> tuple[Config, str]:
    """The experiment that gave the numbers on the screen, and what to know about it."""
    run = kept.watch.run
    device = str(run.twin.device) if run.twin is not None else run.config.device
    stopped = "" if run.state == "done" else "The run on the screen was stopped before its end."
    return run.config.replace(device=device), stopped


def _later(job: Callable[[], Any], then: Callable[[Any], None]) -> None:
    """Let the worker do a job, and the session's own loop take the answer or the exception."""
    document = pn.state.curdoc

    def answer(done: Future) -> None:
        found = done.exception() or done.result()
        if document is None or document.session_context is None:
            then(found)
        elif not document.session_context.destroyed:
            document.add_next_tick_callback(lambda: then(found))

    WORKER.submit(job).add_done_callback(answer)
