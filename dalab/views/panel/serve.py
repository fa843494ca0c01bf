"""The lab and its lessons as web pages, on this machine or for others.

Both are served by one process, so that their runs wait in one line.

A session ends a few seconds after its page is closed, and its run with it, unless it is kept.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...experiments.service.service import Service, share

INSTALL = 'Install it with: pip install "dalab[lab]"'

LESSONS = "/lessons"
"""Path of the page of lessons."""

SESSION = {"unused_session_lifetime_milliseconds": 8000, "check_unused_sessions_milliseconds": 2000}
"""When a page counts as closed: long enough for a connection that breaks to come back."""


def serve_lab(
    port: int, show: bool, *, address: str = "localhost", origins: Sequence[str] = (),
    users: Path | None = None, service: Service | None = None,
) -> None:
    """Serve the lab until the process is interrupted.

    Args:
        port: where to listen.
        show: whether to open a browser.
        address: where to listen; anything but this machine needs ``origins``.
        origins: ``host`` or ``host:port`` under which people reach the page.
        users: JSON file of names and passwords; everybody may come in if there is none.
        service: line and limits of the runs.

    Raises:
        InputError: if the interface packages are missing, the port is taken, or the lab would be
            open to others without an origin.
    """
    try:
        import panel
    except ImportError as error:
        raise InputError("dalab lab", error.name, "is not installed", INSTALL) from None
    from .app import create_app
    from .pages.lessons import create_lessons

    known = _origins(port, address, origins)
    check_port(port, address)
    if service is not None:
        share(service)
    print(f"The lab is at http://{known[0]}/ (Ctrl-C ends it), "
          f"lessons are at http://{known[0]}{LESSONS}", flush=True)
    panel.serve(
        {"/": create_app, LESSONS: create_lessons}, port=port, address=address, show=show,
        title="dalab", verbose=False, websocket_origin=known, **SESSION, **_auth_options(users),
    )


def check_port(port: int, address: str = "localhost") -> None:
    """Refuse a port that cannot be listened on.

    Raises:
        InputError: naming another one.
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
    """Hosts from which the page may be used."""
    if _is_local(address):
        return [*given, f"localhost:{port}", f"127.0.0.1:{port}"]
    if not given:
        raise InputError(
            "address", address, "is open to others and needs the origin under which they come",
            f"Add: --origin HOST:{port}, and read docs/deploy.md.",
        )
    return list(given)


def _is_local(address: str) -> bool:
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _auth_options(users: Path | None) -> dict[str, Any]:
    """What Panel needs to ask for a name and a password."""
    if users is None:
        return {}
    if not users.is_file():
        raise InputError(
            "users", str(users), "must be a JSON file of names and passwords",
            'An example: {"ada": "a long password"}',
        )
    return {"basic_auth": str(users), "cookie_secret": secrets.token_hex(32)}
