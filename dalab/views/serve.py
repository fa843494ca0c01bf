"""The lab as a web page on this machine."""

from __future__ import annotations

import socket

from ..errors import InputError

INSTALL = 'Install it with: pip install "dalab[lab]"'


def serve_lab(port: int, show: bool) -> None:
    """Serve the lab on localhost until the process is interrupted.

    Raises:
        InputError: if the interface packages are missing or the port is taken.
    """
    try:
        import panel
    except ImportError as error:
        raise InputError("dalab lab", error.name, "is not installed", INSTALL) from None
    from .panels import create_app

    check_port(port)
    print(f"The lab is at http://localhost:{port}/ (Ctrl-C ends it)", flush=True)
    panel.serve(
        create_app, port=port, address="localhost", show=show, title="dalab", verbose=False,
        websocket_origin=[f"localhost:{port}", f"127.0.0.1:{port}"],
    )


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("localhost", port))
        except (OSError, OverflowError) as error:
            raise InputError(
                "port", port, f"cannot be used ({error})", f"Try: dalab lab --port {port + 1}"
            ) from None
