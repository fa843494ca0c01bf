"""Web server of the lab and its lessons, for this machine or for others.

One process serves both, so that their runs share a queue.

A session ends a few seconds after its page is closed, and so does its run unless it is kept.
"""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...experiments.experiment import Experiment, Source
from ...experiments.registration import register_parts
from ...experiments.results.saved_runs import SavedRuns
from ...experiments.service.service import Service, share
from ...files import remove_leftovers
from ..model.history import saved_runs, share_runs

INSTALL = 'Install it with: pip install "dalab[lab]"'

LESSONS, GALLERY = "/lessons", "/gallery"
"""Paths of the lessons page, and of the gallery of filters where they fail."""

SESSION = {"unused_session_lifetime_milliseconds": 8000, "check_unused_sessions_milliseconds": 2000}
"""Session expiry: long enough to survive a brief loss of connection."""


def serve(
    source: Experiment | Source | None = None, *, port: int = 5006, show: bool = True,
    address: str = "localhost", origins: Sequence[str] = (), users: Path | None = None,
    allow_anyone: bool = False, service: Service | None = None, runs: str = "",
) -> None:
    """Serve the lab until the process is interrupted.

    A user's own parts of ``source`` are registered, so that the page can name them.

    Args:
        source: experiment that the page opens with, or what one is made from; the default one if
            left out.
        port: port to listen on.
        show: whether to open a browser.
        address: address to listen on; any other than this machine's needs ``users`` or
            ``allow_anyone``.
        origins: ``host`` or ``host:port`` in the public address of the page.
        users: JSON file of names and passwords; without one, access is free.
        allow_anyone: whether everybody who reaches the address may use the lab, without a password.
        service: queue and limits of the runs.
        runs: folder for finished runs, which pages list again; ``none`` for none. By default that
            of ``DALAB_RUNS``, or one of this user's.

    Raises:
        InputError: if the interface packages are missing, the port is in use, the file of users
            cannot be read, the folder of runs cannot be written, or the lab would be open to others
            without a password or an origin.
    """
    try:
        import panel
    except ImportError as error:
        raise InputError("dalab lab", error.name, "is not installed", INSTALL) from None
    from .access.guard import server_options
    from .access.names import served_names
    from .access.users import UsersFile
    from .app import create_app
    from .pages.gallery import create_gallery
    from .pages.lessons import create_lessons

    _check_door(port, address, users, allow_anyone)
    names, presets = served_names(port, address, origins), _presets(source)
    check_port(port, address)
    remove_leftovers(Path(tempfile.gettempdir()))  # of servers that were killed
    known = None if users is None else UsersFile(users)
    if runs:
        share_runs(checked_runs(runs))
    if service is not None:
        share(service)
    print(f"The lab is at http://{names.origins[0]}/ (Ctrl-C ends it), "
          f"lessons are at http://{names.origins[0]}{LESSONS}, "
          f"filters where they fail at http://{names.origins[0]}{GALLERY}", flush=True)
    panel.serve(
        {
            "/": lambda: create_app(**presets), LESSONS: create_lessons, GALLERY: create_gallery,
        },
        port=port, address=address, show=show,
        title="dalab", verbose=False, websocket_origin=names.for_bokeh, **SESSION,
        **server_options(names, known),
    )


def checked_runs(folder: str) -> SavedRuns | None:
    """Return the runs in a folder, or none for ``none``.

    Raises:
        InputError: if it cannot be written.
    """
    found = saved_runs(folder)
    if found is not None:
        found.check()
    return found


def _presets(source: Experiment | Source | None) -> dict[str, Any]:
    """Return the fields of the config that a page opens with."""
    return {} if source is None else register_parts(Experiment.of(source)).to_dict()


def check_port(port: int, address: str = "localhost") -> None:
    """Check that a port can be listened on.

    Raises:
        InputError: if it cannot; suggests another port.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except (OSError, OverflowError) as error:
            raise InputError(
                "port", port, f"cannot be used ({error})", f"Try: dalab lab --port {port + 1}"
            ) from None


def _check_door(port: int, address: str, users: Path | None, allow_anyone: bool) -> None:
    """Check that a lab that others can reach asks for a password, or is meant to be open."""
    from .access.names import is_local

    if users is not None or is_local(address):
        return
    if not allow_anyone:
        raise InputError(
            "address", address, "is open to others, and nobody is asked for a password",
            "Add --users FILE with names and passwords, or --allow-anyone if everybody who reaches "
            f"this machine may use it; with --origin HOST:{port}. Read docs/deploy.md.",
        )
    print(OPEN.format(address=address, port=port), file=sys.stderr, flush=True)


OPEN = """\
***************************************************************************
WARNING: anybody who can reach {address}, port {port}, can use this lab,
with no password: start runs, and have any NetCDF or Zarr file read that
this account can read. Add --users FILE to ask for names and passwords.
***************************************************************************"""
"""Warning of a lab that is open to everybody."""
