"""Buttons to share a configuration, download a run, and open a file.

The address of the page follows the controls. A worker makes files on request; files dropped on the
page arrive in pieces, and the same worker reads them.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import panel as pn
import param
from panel.custom import JSComponent

from ....errors import InputError
from ....experiments.config import Config
from ....experiments.results.stored_run import StoredRun
from ...model.config_text import FOREIGN, command, file_name, script
from ...model.controls import FILE
from ...model.display import DISPLAY_PARAMETERS
from ...model.history import HistoryEntry, open_entry
from ...model.lab import LabModel
from ...model.uploads import Upload, read_upload
from ...model.url import default_config, link_query
from ...render.exports import FORMATS, WORKER

PIECE = 3 << 20
"""Size of the pieces in which files are sent [bytes]."""


READERS = ThreadPoolExecutor(2, thread_name_prefix="lab uploads")
"""Workers that wait for the processes in which uploaded files are read, for all sessions."""


class ShareBar(JSComponent):
    """Share, download and open buttons.

    Args:
        model: view-model that is shared.
        base: configuration of a page without a query.
    """

    query = param.String(doc="query of the link to the current state")
    python = param.String(doc="script that repeats the run shown")
    command = param.String(doc="command that repeats the run shown")
    ready = param.Boolean(False, doc="True if there is a run to download")
    formats = param.List([
        {"key": key, "title": form.title, "about": form.about} for key, form in FORMATS.items()
    ])
    foreign = param.List(list(FOREIGN), doc="names in the address that do not belong to the bar")
    piece = param.Integer(PIECE, doc="bytes of a piece of a file")

    _esm = Path(__file__).with_name("share_bar.js")
    _stylesheets = [Path(__file__).with_name("share_bar.css")]

    def __init__(self, model: LabModel, base: Config, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.model, self.base = model, base
        self._upload: Upload | None = None
        self._making = self._reading = False
        self._outgoing: deque[tuple[dict[str, Any], bytes]] = deque()
        self.follow()
        for part, names in (
            (model, ["page", "config", "error", "history"]), (model.runs, ["busy", "shown"]),
            (model.display, list(DISPLAY_PARAMETERS)), (model.display.cycles, ["cycle"]),
        ):
            part.param.watch(lambda *events: self.follow(), names)

    def follow(self) -> None:
        """Update link, script and command."""
        model = self.model
        entry = None if model.runs.busy else model.shown_entry
        config, note = (model.config, "") if entry is None else _repetition(entry)
        changes = {
            "query": self.query if model.error else link_query(model, self.base),
            "python": script(config, note), "command": command(config), "ready": entry is not None,
        }
        self.param.update(**{k: v for k, v in changes.items() if getattr(self, k) != v})

    def _handle_msg(self, data: Mapping[str, Any]) -> None:
        """Handle a message from the buttons."""
        handlers: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "make": self._make, "more": self._send_next, "open": self._open, "piece": self._take,
        }
        try:
            handlers[data["do"]](data)
        except InputError as error:
            self._refuse(error)

    # --- files that go out ----------------------------------------------------------------------

    def _make(self, data: Mapping[str, Any]) -> None:
        """Make a file of the run shown, or of the run with the given number."""
        form, number = FORMATS[data["what"]], data.get("number")
        display = self.model.display.state
        numbered = (k for k in self.model.history if k.number == number)
        entry = self.model.shown_entry if number is None else next(numbered, None)
        if entry is None or self._making:
            return
        self._making = True
        name = f"{file_name(entry.config)}.{form.suffix}"
        _in_background(
            WORKER, lambda: form.make(open_entry(entry), display),
            lambda made: self.send(name, form.kind, made),
        )

    def send(self, name: str, kind: str, content: bytes | Exception) -> None:
        """Send a file to the browser, or the reason why there is none."""
        self._making = False
        if isinstance(content, Exception):
            self._send_msg({"do": "message", "text": f"{name} could not be made: {content}"})
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

    def _send_next(self, data: Mapping[str, Any]) -> None:
        """Send the next piece once the browser has received one."""
        self._outgoing.popleft()
        if self._outgoing:
            self._send_piece()

    # --- files that come in ---------------------------------------------------------------------

    def _open(self, data: Mapping[str, Any]) -> None:
        """Prepare to receive a file.

        Raises:
            InputError: while another one is read.
        """
        if self._reading:
            raise InputError(
                "file", str(data["name"]), "must wait until the one before it has been read",
                "Open it again in a moment.",
            )
        owner = self.model.runs.session.key
        self._upload = Upload(str(data["name"]), int(data["size"]), owner)
        self._send_msg({"do": "next"})

    def _take(self, data: Mapping[str, Any]) -> None:
        """Receive a piece of the file."""
        upload = self._upload
        if upload is None:
            return
        if not upload.add(base64.b64decode(data["data"])):
            self._send_msg({"do": "next"})
            return
        self._upload, self._reading = None, True
        config = self.model.config
        _in_background(
            READERS, lambda: read_upload(upload, config),
            lambda found: self.receive(upload.name, found),
        )

    def receive(self, name: str, found: StoredRun | Path | Exception) -> None:
        """Show a stored run, use a truth, or report why the file cannot be used."""
        self._reading = False
        model = self.model
        try:
            if isinstance(found, Exception):
                raise found
            if isinstance(found, Path):
                model.controls.param.update(truth=FILE, truth_file=str(found))
                message = f"The truth is now {name}"
            else:
                message = show(model, found, name)
        except InputError as error:
            self._refuse(error)
        else:
            self._send_msg({"do": "message", "text": message})

    def _refuse(self, error: InputError) -> None:
        """Report that a file cannot be used, and why."""
        self._upload = None
        self.model.notice = f"The file cannot be used. {error}"
        self._send_msg({"do": "message", "text": "The file cannot be used"})


def share_bar(model: LabModel, base: Config | None = None) -> ShareBar:
    """Make the buttons of a model; ``base`` is the configuration of a page without a query."""
    return ShareBar(model, base or default_config({}), margin=0)


def show(model: LabModel, run: StoredRun, name: str) -> str:
    """Add a stored run to the history, and show it unless a run is going on.

    Returns:
        A message that says which.

    Raises:
        InputError: if the page's window or controls do not fit the run.
    """
    model.add_file(run, name)
    return f"{name} is in the list of runs" if model.runs.busy else f"{name} is shown"


def _repetition(entry: HistoryEntry) -> tuple[Config, str]:
    """Return the configuration of the run shown, and a note if it was stopped."""
    run = entry.run.run
    device = str(run.twin.device) if run.twin is not None else run.config.device
    stopped = "" if run.state == "done" else "The run shown was stopped before its end."
    return run.config.replace(device=device), stopped


def _in_background(
    worker: ThreadPoolExecutor, job: Callable[[], Any], then: Callable[[Any], None]
) -> None:
    """Run a job in a worker; pass its result or exception on in the session's event loop."""
    document = pn.state.curdoc

    def answer(done: Future) -> None:
        found = done.exception() or done.result()
        if document is None or document.session_context is None:
            then(found)
        elif not document.session_context.destroyed:
            document.add_next_tick_callback(lambda: then(found))

    worker.submit(job).add_done_callback(answer)
