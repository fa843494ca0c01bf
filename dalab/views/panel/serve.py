"""Web server of the lab and its lessons, for this machine or for others.

One process serves both, so that their runs share a queue.

A session ends a few seconds after its page is closed, and so does its run unless it is kept.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...experiments.experiment import Experiment, Source
from ...experiments.registration import register_parts
from ...experiments.service.service import Service, share

INSTALL = 'Install it with: pip install "dalab[lab]"'

LESSONS = "/lessons"
"""Path of the lessons page."""

SESSION = {"unused_session_lifetime_milliseconds": 8000, "check_unused_sessions_milliseconds": 2000}
"""Session expiry: long enough to survive a brief loss of connection."""


def serve(
    source: Experiment | Source | None = None, *, port: int = 5006, show: bool = True,
    address: str = "localhost", origins: Sequence[str] = (), users: Path | None = None,
    service: Service | None = None,
) -> None:
    """Serve the lab until the process is interrupted.

    A user's own parts of ``source`` are registered, so that the page can name them.

    Args:
        source: experiment that the page opens with, or what one is made from; the default one if
            left out.
        port: port to listen on.
        show: whether to open a browser.
        address: address to listen on; any other than this machine's needs ``origins``.
        origins: ``host`` or ``host:port`` in the public address of the page.
        users: JSON file of names and passwords; without one, access is free.
        service: queue and limits of the runs.

    Raises:
        InputError: if the interface packages are missing, the port is in use, or the lab would be
            open to others without an origin.
    """
    try:
        import panel
    except ImportError as error:
        raise InputError("dalab lab", error.name, "is not installed", INSTALL) from None
    from .app import create_app
    from .pages.lessons import create_lessons

    known, presets = _origins(port, address, origins), _presets(source)
    check_port(port, address)
    if service is not None:
        share(service)
    print(f"The lab is at http://{known[0]}/ (Ctrl-C ends it), "
          f"lessons are at http://{known[0]}{LESSONS}", flush=True)
    panel.serve(
        {"/": lambda: create_app(**presets), LESSONS: create_lessons},
        port=port, address=address, show=show,
        title="dalab", verbose=False, websocket_origin=known, **SESSION, **_auth_options(users),
    )


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


def _origins(port: int, address: str, given: Sequence[str]) -> list[str]:
    """Return the origins from which the page may be used."""
    if _is_local(address):
        return [*given, f"localhost:{port}", f"127.0.0.1:{port}"]
    if not given:
        raise InputError(
            "address", address, "is open to others and needs the origin they connect from",
            f"Add: --origin HOST:{port}, and read docs/deploy.md.",
        )
    return list(given)


def _is_local(address: str) -> bool:
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _auth_options(users: Path | None) -> dict[str, Any]:
    """Return Panel's options for authentication by name and password."""
    if users is None:
        return {}
    if not users.is_file():
        raise InputError(
            "users", str(users), "must be a JSON file of names and passwords",
            'An example: {"ada": "a long password"}',
        )
    return {"basic_auth": str(users), "cookie_secret": secrets.token_hex(32)}
