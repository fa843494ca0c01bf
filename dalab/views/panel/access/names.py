"""Names under which the pages are served: the hosts and origins that a request may state.

A page of another site can make a browser send requests to this machine, under a name of its own if
it controls the name's address (DNS rebinding). So both headers are compared with the known names,
``Origin`` even if it equals ``Host``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ....errors import InputError

LOCAL = ("localhost", "127.0.0.1", "[::1]")
"""Names of this machine."""

_NAME = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_-]+(\.[a-z0-9_-]+)*)(:[0-9]{1,5})?")
_DEFAULT_PORT = re.compile(r":(80|443)$")


@dataclass(frozen=True)
class ServedNames:
    """Names of the server, without the default ports of HTTP and HTTPS.

    Args:
        origins: ``host`` or ``host:port`` in the address of a page.
        hosts: the same, and those that a proxy may pass on without their port.
    """

    origins: tuple[str, ...]
    hosts: frozenset[str]

    @property
    def for_bokeh(self) -> list[str]:
        """The origins that Bokeh can write in its own list, which knows no IPv6."""
        return [name for name in self.origins if "[" not in name]

    def allows_host(self, host: str) -> bool:
        """Return True for the value of a ``Host`` header that names this server."""
        return _plain(host) in self.hosts

    def allows_origin(self, origin: str) -> bool:
        """Return True for the value of an ``Origin`` header of a page of this server."""
        try:
            return _plain(urlsplit(origin).netloc) in self.origins
        except ValueError:
            return False


def served_names(port: int, address: str, given: Sequence[str] = ()) -> ServedNames:
    """Return the names of a server: those given, of its address, and of this machine.

    Args:
        port: port that it listens on.
        address: address that it listens on.
        given: ``host`` or ``host:port`` in the public address of the page.

    Raises:
        InputError: for a name that is none, and for an address that stands for all those of the
            machine without a name.
    """
    named = [_checked(name) for name in given]
    own = _own_name(address)
    if own is None and not named:
        raise InputError(
            "address", address, "needs the name by which others reach it",
            f"Add: --origin HOST:{port}, and read docs/deploy.md.",
        )
    local = [f"{name}:{port}" for name in (*LOCAL, own) if name]
    origins = tuple(dict.fromkeys(_plain(name) for name in (*named, *local)))
    passed_on = {re.sub(r":[0-9]+$", "", name) for name in named}
    return ServedNames(origins, frozenset(origins) | passed_on)


def is_local(address: str) -> bool:
    """Return True for an address that only this machine can reach."""
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _own_name(address: str) -> str | None:
    """Return the name of an address to listen on; ``None`` if it stands for all addresses."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address.lower() or None
    if known.is_unspecified:
        return None
    return f"[{known.compressed}]" if known.version == 6 else str(known)


def _checked(name: str) -> str:
    plain = name.lower().removeprefix("https://").removeprefix("http://").removesuffix("/")
    if not _NAME.fullmatch(plain):
        raise InputError(
            "origin", name, "must be HOST or HOST:PORT, as in the address of the page",
            "An example: --origin lab.example.org",
        )
    return plain


def _plain(name: str) -> str:
    """Return a name in small letters and without a default port."""
    return _DEFAULT_PORT.sub("", name.lower())
