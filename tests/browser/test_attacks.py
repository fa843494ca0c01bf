"""Attacks on a lab that is served by a process of its own."""

from __future__ import annotations

import base64
import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest

from .conftest import ROOT, free_port, wait_for_http
from .page import LabPage

pytestmark = [pytest.mark.lab, pytest.mark.slow]


class Server:
    """A served lab, asked without a browser.

    Args:
        port: port that it listens on.
        process: its process.
    """

    def __init__(self, port: int, process: subprocess.Popen) -> None:
        self.port, self.process = port, process
        self.host, self.url = f"localhost:{port}", f"http://localhost:{port}/"

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str):
        """Status, headers and text of an answer."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {"Host": self.host, **named})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        connection.close()
        return answer.status, answer.headers, text

    def status(self, path: str, **headers: str) -> int:
        return self.ask(path, **headers)[0]

    def log_in(self, name: str, password: str) -> str:
        """Log in; return the cookies."""
        body = urlencode({"username": name, "password": password})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.ask("/login", "POST", body, **headers)[1]
        cookies = answer.get_all("Set-Cookie", [])
        return "; ".join(part.split(";")[0] for part in cookies if part.startswith("user="))

    def connect(self, host: str, origin: str | None, token: str) -> str:
        """The first line of the answer to a request for a connection."""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET /ws HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
                 f"Sec-WebSocket-Protocol: bokeh, {token}"]
        lines += [] if origin is None else [f"Origin: {origin}"]
        with socket.create_connection(("localhost", self.port), 30) as wire:
            wire.sendall("\r\n".join([*lines, "", ""]).encode())
            return wire.recv(300).decode(errors="replace").split("\r\n")[0]

    def token(self) -> str:
        """Token of a new page."""
        return re.search(r'"token":"([^"]+)"', self.ask("/")[2])[1]


@contextmanager
def lab(folder: Path, *options: str) -> Iterator[Server]:
    """``dalab lab`` with some options."""
    port, log = free_port(), folder / "log.txt"
    command = [sys.executable, "-m", "dalab", "lab", "--no-show", "--port", str(port), *options]
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out,
                                   env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        wait_for_http(f"http://localhost:{port}/favicon.ico", process, log)
        yield Server(port, process)
        assert process.poll() is None, "the server has ended"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    with lab(tmp_path_factory.mktemp("serve")) as served:
        yield served


@pytest.mark.parametrize("path", [
    "/components/unittest.__main__/x/css/a", "/components/antigravity/x/css/a",
    "/components/panel.widgets.base/Widget/_stylesheets/a",
    "/components/dalab.views.panel.components.header/Header/_stylesheets/../header.py",
    "/components/dalab.views.panel.components.header/Header/_stylesheets/header.py",
    "/static/../serve.py", "/static/extensions/panel/../../auth.py", "/metadata",
    "/lessons/metadata",
    "/autoload.js?bokeh-autoload-element=a", "/rest/session_info", "/liveness", "/admin", "/login",
    "/foo",
])
def test_no_other_route_is_served(server, path):
    assert server.status(path) in (403, 404)
    assert server.process.poll() is None
    assert server.status("/components/dalab.views.panel.components.header/Header/_stylesheets/"
                         "header.css") == 200


@pytest.mark.parametrize("host, origin, answer", [
    ("localhost:{0}", "http://localhost:{0}", 101), ("127.0.0.1:{0}", "http://127.0.0.1:{0}", 101),
    ("localhost:{0}", None, 101), ("evil.example:{0}", "http://evil.example:{0}", 403),
    ("evil.example", "http://evil.example", 403), ("evil.example:{0}", None, 403),
    ("localhost:{0}", "http://evil.example:{0}", 403), ("localhost:{0}", "null", 403),
    ("evil.example:{0}", "http://localhost:{0}", 403),
])
def test_only_known_names_are_answered(server, host, origin, answer):
    host, origin = host.format(server.port), origin and origin.format(server.port)
    assert server.connect(host, origin, server.token()).split()[1] == str(answer)
    headers = {"Host": host} if origin is None else {"Host": host, "Origin": origin}
    assert server.status("/", **headers) == (200 if answer == 101 else 403)
    assert server.status("/lessons", **headers) == (200 if answer == 101 else 403)


def test_same_origin_is_believed_of_no_one(server):
    origin = f"http://evil.example:{server.port}"
    headers = {"Host": f"evil.example:{server.port}", "Origin": origin}
    assert server.status("/", **headers, Sec_Fetch_Site="same-origin") == 403


def test_a_session_is_never_that_of_the_address(server):
    token = server.token()
    assert server.status("/?bokeh-session-id=CHOSEN") == 403
    assert server.status("/", Bokeh_Session_Id="CHOSEN") == 403
    assert server.status(f"/?bokeh-token={token}") == 403, "not even a signed one"
    assert server.status(f"/lessons?bokeh-token={token}") == 403


def test_a_session_of_another_key_is_refused(server):
    from bokeh.util.token import generate_jwt_token, generate_session_id

    for key, signed in ((b"another key", True), (None, False)):
        name = generate_session_id(key, signed)
        token = generate_jwt_token(name, key, signed, {"headers": {}, "cookies": {}})
        answer = server.connect(server.host, None, token)
        assert answer.split()[1] in ("101", "403")
        assert not _acknowledged(server, token)
    assert _acknowledged(server, server.token())


def _acknowledged(server: Server, token: str) -> bool:
    """Whether a connection with a token comes to a session."""
    import asyncio

    from tornado.httpclient import HTTPRequest
    from tornado.websocket import websocket_connect

    async def first() -> object:
        request = HTTPRequest(server.url.replace("http", "ws") + "ws")
        connection = await websocket_connect(request, subprotocols=["bokeh", token])
        return await connection.read_message()

    return asyncio.run(first()) is not None


@pytest.mark.browser
def test_a_link_that_names_a_session_shares_none(chromium, server):
    link = f"{server.url}?bokeh-session-id=CHOSEN&prior=gaussian&methods=oi&members=2"
    for _ in range(2):
        page = chromium.new_context().new_page()
        assert page.goto(link).status == 403
        page.context.close()


@pytest.mark.browser
def test_the_key_of_another_browser_does_not_become_that_of_ones_own_runs(chromium, server):
    link, addresses = f"{server.url}?prior=gaussian&methods=oi&members=2&noise=0.3", []
    pages = [LabPage(chromium.new_context().new_page()) for _ in range(2)]
    for page in pages:
        page.open(addresses[-1] if addresses else link)
        page.tick("Keep running when this page is closed")
        page.wait(lambda page=page: "session=" in page.page.url
                  and page.page.url not in addresses, "a key of its own")
        addresses.append(page.page.url)
        page.press("Run")
        page.wait_state("done")
    pages[0].page.reload()
    pages[0].wait_state("done")
    keys = [re.findall("session=[^&]*", url) for url in (pages[0].page.url, addresses[0])]
    assert keys[0] == keys[1], "the same browser has its key again"
    for page in pages:
        page.page.context.close()
        assert page.complaints == []


def test_without_the_users_file_nobody_is_let_in(tmp_path):
    users = tmp_path / "users.json"
    users.write_text('{"ada": "a long password"}')
    with lab(tmp_path, "--users", str(users)) as server:
        assert server.status("/") == server.status("/lessons") == 302, "to the login"
        ada = server.log_in("ada", "a long password")
        assert ada and server.status("/", Cookie=ada) == 200
        assert not server.log_in("ada", "another") and not server.log_in("ada", str(users))
        assert server.status("/login", Host="evil.example") == 403
        assert server.connect(server.host, None, "x").split()[1] == "403"
        for spoil in (lambda: users.write_text("{"), users.unlink):
            spoil()
            assert not server.log_in("anyone", str(users))
            assert not server.log_in("ada", "a long password")
            assert server.status("/", Cookie=ada) == 302, "she is not known any more"
            assert server.connect(server.host, None, "x").split()[1] == "403"


def test_a_lab_for_all_needs_a_flag():
    command = [sys.executable, "-m", "dalab", "lab", "--no-show", "--port", str(free_port()),
               "--address", "0.0.0.0", "--origin", "lab.example.org"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 2 and "--users" in done.stderr and "--allow-anyone" in done.stderr


@pytest.mark.browser
def test_the_pages_work_behind_the_guard(chromium, server):
    page = LabPage(chromium.new_context().new_page())
    page.open(server.url)
    page.page.goto(f"{server.url}lessons", wait_until="commit")
    page.page.wait_for_function("() => window.Bokeh && Bokeh.documents[0]?.is_idle")
    page.page.context.close()
    assert page.complaints == []


HEAVY = "system=qg256&truth=model-fine&prior=gaussian&methods=oi&members=1&seed=77"


def cpu_seconds(server: Server) -> float:
    times = psutil.Process(server.process.pid).cpu_times()
    return times.user + times.system


def wait_idle(server, seconds=60.0):
    """Wait until the server computes next to nothing."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = cpu_seconds(server)
        time.sleep(1)
        if cpu_seconds(server) - before < 0.1:
            return


def test_a_link_alone_computes_nothing(server):
    server.status("/")
    for link in (f"/?{HEAVY}", "/?system=qg64:rd=26e3"):
        assert server.status(link) == 200
        before = cpu_seconds(server)
        time.sleep(4)
        assert cpu_seconds(server) - before < 2, "only a page on screen has its truth made"


@pytest.mark.browser
def test_a_page_that_is_closed_while_it_prepares_frees_its_place(chromium, server):
    pages = []
    for query in (HEAVY, "prior=gaussian&methods=oi&members=2&noise=0.3"):
        pages.append(LabPage(chromium.new_context().new_page()))
        pages[-1].open(f"{server.url}?{query}")
    attacker, other = pages
    attacker.press("Run")
    attacker.wait_state("preparing")
    other.press("Run")
    other.wait_state("waiting")
    attacker.page.context.close()
    other.wait_state("done")
    before = cpu_seconds(server)
    time.sleep(4)
    assert cpu_seconds(server) - before < 2, "nothing is prepared for nobody"
    other.page.context.close()
    assert other.complaints == []


@pytest.mark.parametrize("query", [
    "window=3000000", "window=5000000", "members=1000000000", "system=qg256:rd=26e3",
    "cycles=1000000000&system=lorenz96&methods=etkf&operators=identity&masks=full",
    "system=lorenz96:d=1000000&operators=identity&masks=full",
])
def test_a_link_takes_neither_time_nor_memory(server, query):
    server.status("/")
    wait_idle(server)  # what the tests before this one have opened is not of this link
    process, start = psutil.Process(server.process.pid), time.monotonic()
    before = process.memory_info().rss
    assert server.status(f"/?{query}") == 200
    assert time.monotonic() - start < 15, "on a busy machine; an idle one takes a second"
    assert process.memory_info().rss - before < 500e6
