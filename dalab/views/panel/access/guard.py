"""Guard of the served pages: who may ask, under which name, for what.

Panel and Bokeh serve more than the pages need, and trust more than they should: a route that
imports any module, session keys that come in the address, and every name that a request states for
the host. Here a request for a page or its connection is refused unless all of it is known, and all
routes that Panel adds are replaced by those that the pages need.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from http.cookies import Morsel
from pathlib import Path
from typing import Any

from bokeh.embed.bundle import extension_dirs
from bokeh.server.auth_provider import AuthProvider
from bokeh.server.views.multi_root_static_handler import MultiRootStaticHandler
from bokeh.settings import settings
from panel.auth import BasicAuthProvider, BasicLoginHandler, LogoutHandler
from panel.custom import JSComponent
from panel.io.resources import COMPONENT_PATH
from param import descendents
from tornado.httputil import HTTPServerRequest
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from ..browser import BROWSER, BROWSER_NAME, DAYS, new_browser_name
from .names import ServedNames
from .users import UsersFile

SESSION_ARGUMENTS = ("bokeh-session-id", "bokeh-token")
"""Arguments by which an address could name the session that a page is to join."""

Routes = list[tuple[Any, ...]]
"""Patterns and handlers for Tornado."""


def server_options(names: ServedNames, users: UsersFile | None) -> dict[str, Any]:
    """Return the options of ``panel.serve`` for guarded pages; sessions are signed.

    The key is that of ``BOKEH_SECRET_KEY``, or one of this process.

    Args:
        names: names of the server.
        users: who may use it; everybody if ``None``.
    """
    options: dict[str, Any] = {
        "sign_sessions": True,
        "secret_key": settings.secret_key_bytes() or secrets.token_bytes(32),
        "auth_provider": OpenDoor(names) if users is None else PasswordDoor(names, users),
        "extra_patterns": routes(with_login=users is not None),
    }
    if users is not None:
        options["cookie_secret"] = secrets.token_hex(32)
    return options


def check(request: HTTPServerRequest, names: ServedNames) -> None:
    """Check the names and the session that a request states.

    Raises:
        HTTPError: 403 if the host or the origin is not known, or a session is named.
    """
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if not names.allows_host(host):
        raise HTTPError(403, "Host %r is not served; see --origin", host, reason="Unknown Host")
    if origin is not None and not names.allows_origin(origin):
        raise HTTPError(403, "Origin %r is not allowed; see --origin", origin,
                        reason="Unknown Origin")
    named = [name for name in SESSION_ARGUMENTS if name in request.arguments]
    if named or "Bokeh-Session-Id" in request.headers:
        raise HTTPError(403, "The address names a session", reason="Session in the address")


EMBEDDING = ("/autoload.js", "/metadata")
"""Ends of the routes by which other sites would embed a page."""


def _check_page(handler: RequestHandler, names: ServedNames) -> None:
    """Check a request for a page or its connection.

    Raises:
        HTTPError: 404 for what no page needs, 403 as above.
    """
    check(handler.request, names)
    if handler.request.path.endswith(EMBEDDING):
        raise HTTPError(404)


def _name_browser(handler: RequestHandler, user: str) -> None:
    """Give a browser a secret name of its own, which the session of this request knows too.

    The session knows the name together with the user's: those who share a browser share no runs.
    """
    if isinstance(handler, WebSocketHandler):
        return
    cookies = handler.request.cookies
    name = cookies[BROWSER].value if BROWSER in cookies else ""
    if not BROWSER_NAME.fullmatch(name):
        name = new_browser_name()
    handler.set_cookie(BROWSER, name, expires_days=DAYS, httponly=True, samesite="Lax")
    known: Morsel[str] = Morsel()
    own = hashlib.sha256(f"{name} {user}".encode()).hexdigest()
    known.set(BROWSER, own, own)
    cookies[BROWSER] = known


class OpenDoor(AuthProvider):
    """Access for everybody who asks under a known name.

    Args:
        names: names of the server.
    """

    def __init__(self, names: ServedNames) -> None:
        self.names = names
        super().__init__()

    @property
    def get_user(self) -> Callable[[RequestHandler], str]:
        """Function that returns the user of a request, or raises an error."""
        def user(handler: RequestHandler) -> str:
            _check_page(handler, self.names)
            _name_browser(handler, "")
            return "anyone"
        return user

    @property
    def login_url(self) -> str:
        """The page itself: nobody is sent to a login."""
        return "/"


class PasswordDoor(BasicAuthProvider):
    """Access for the users in a file; for nobody while there is none.

    Args:
        names: names of the server.
        users: names and passwords.
    """

    def __init__(self, names: ServedNames, users: UsersFile) -> None:
        self.names, self.users = names, users
        super().__init__()

    @property
    def get_user(self) -> Callable[[RequestHandler], str | None]:
        """Function that returns the user of a request, or ``None``, or raises an error."""
        logged_in = super().get_user

        def user(handler: RequestHandler) -> str | None:
            _check_page(handler, self.names)
            found = logged_in(handler)
            if not found or not self.users.knows(found):
                return None
            _name_browser(handler, found)
            return found
        return user

    @property
    def endpoints(self) -> Routes:
        """None: they are among :func:`routes`."""
        return []


class Login(BasicLoginHandler):
    """Login page that asks the file of users."""

    def prepare(self) -> None:
        """Check the names that the request states."""
        check(self.request, self.application.auth_provider.names)

    def _validate(self, username: str, password: str) -> bool:
        return self.application.auth_provider.users.accepts(username, password)


class Stylesheets(RequestHandler):
    """Style sheets of the components of the pages, and nothing else."""

    def initialize(self, sheets: dict[str, Path]) -> None:
        """Set the files by their paths in the address."""
        self.sheets = sheets

    def get(self, path: str) -> None:
        """Answer with a style sheet.

        Raises:
            HTTPError: 404 for anything else.
        """
        if path not in self.sheets:
            raise HTTPError(404)
        self.set_header("Content-Type", "text/css; charset=UTF-8")
        self.write(self.sheets[path].read_bytes())


class Nothing(RequestHandler):
    """Answer to all other addresses."""

    def prepare(self) -> None:
        """Refuse the request.

        Raises:
            HTTPError: 404.
        """
        raise HTTPError(404)


def component_sheets() -> dict[str, Path]:
    """Return the style sheets of the loaded components by ``module/class/_stylesheets/file``."""
    return {
        f"{kind.__module__}/{kind.__name__}/_stylesheets/{sheet.name}": sheet
        for kind in descendents(JSComponent)
        for sheet in kind._stylesheets if isinstance(sheet, Path)
    }


def routes(with_login: bool) -> Routes:
    """Return the routes besides those of the pages; they come before all that Panel adds."""
    login: Sequence[tuple[Any, ...]] = (("/login", Login), ("/logout", LogoutHandler))
    return [
        (rf"/{COMPONENT_PATH}(.*)", Stylesheets, {"sheets": component_sheets()}),
        (r"/static/extensions/(.*)", MultiRootStaticHandler, {"root": extension_dirs}),
        *(login if with_login else ()),
        (r"/.+", Nothing),
    ]
