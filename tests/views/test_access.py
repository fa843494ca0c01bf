"""Access to the served pages: names of the host, files of users, routes."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("panel")

import dalab.views.panel.app  # noqa: E402, F401  # loads the components
from dalab.errors import InputError  # noqa: E402
from dalab.views.panel.access.guard import component_sheets, routes  # noqa: E402
from dalab.views.panel.access.names import is_local, served_names  # noqa: E402
from dalab.views.panel.access.users import UsersFile  # noqa: E402

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("host, known", [
    ("localhost:5006", True), ("LOCALHOST:5006", True), ("127.0.0.1:5006", True),
    ("[::1]:5006", True), ("localhost:5007", False), ("localhost", False), ("", False),
    ("evil.example:5006", False), ("localhost:5006.evil.example", False),
    ("evil.example,localhost:5006", False), ("localhost.:5006", False),
])
def test_hosts_of_this_machine(host, known):
    names = served_names(5006, "localhost")
    assert names.allows_host(host) is known
    assert names.allows_origin(f"http://{host}") is known


@pytest.mark.parametrize("origin", ["null", "", "evil.example", "http://", "http://[", "file://"])
def test_odd_origins_are_unknown(origin):
    assert not served_names(5006, "localhost").allows_origin(origin)


def test_names_that_are_given():
    names = served_names(5006, "0.0.0.0", ["lab.example.org", "https://B.org:8443/"])
    for host in ("lab.example.org", "lab.example.org:443", "b.org:8443", "b.org", "localhost:5006"):
        assert names.allows_host(host), "a proxy may leave out the port"
    assert names.allows_origin("https://lab.example.org")
    assert names.allows_origin("https://b.org:8443") and not names.allows_origin("https://b.org")
    assert not names.allows_host("0.0.0.0:5006") and not names.allows_host("www.lab.example.org")


@pytest.mark.parametrize("address, name", [
    ("192.0.2.7", "192.0.2.7:5006"), ("2001:db8::7", "[2001:db8::7]:5006"), ("Box", "box:5006"),
    ("127.0.0.3", "127.0.0.3:5006"),
])
def test_the_address_is_a_name(address, name):
    assert served_names(5006, address).allows_host(name)


def test_the_default_port_is_left_out():
    assert served_names(80, "localhost").allows_host("localhost")


@pytest.mark.parametrize("name", ["*", "*.org", "a b", "lab:port", "http://a/b", "", "a:1:2",
                                  "\u00e4.de"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(InputError, match="must be HOST or HOST:PORT"):
        served_names(5006, "localhost", [name])


def test_addresses_of_this_machine():
    assert all(map(is_local, ("localhost", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(map(is_local, ("0.0.0.0", "::", "", "192.0.2.7", "localhost.evil.example")))


def users(tmp_path, text='{"ada": "secret", "grace": "\u00e9"}'):
    path = tmp_path / "users.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_users_are_those_of_the_file_as_it_is_now(tmp_path):
    path = users(tmp_path)
    known = UsersFile(path)
    assert known.accepts("ada", "secret") and known.accepts("grace", "\u00e9")
    assert not known.accepts("ada", "other") and not known.accepts("eve", "secret")
    assert not known.accepts("", "") and not known.accepts("ada", "")
    users(tmp_path, '{"ada": "new"}')
    assert known.accepts("ada", "new") and known.knows("ada") and not known.knows("grace")


@pytest.mark.parametrize("spoil", [
    lambda path: path.unlink(), lambda path: path.write_text("{"),
    lambda path: path.write_text('"secret"'), lambda path: (path.unlink(), path.mkdir()),
    lambda path: (path.unlink(), os.mkfifo(path)), lambda path: path.write_bytes(b"\xff\xfe"),
])
def test_without_a_file_nobody_is_let_in(tmp_path, spoil, caplog):
    path = users(tmp_path)
    known = UsersFile(path)
    spoil(path)
    for name, password in (("ada", "secret"), ("anyone", str(path)), ("", str(path)), ("", "")):
        assert not known.accepts(name, password) and not known.knows(name)
    assert "Nobody is let in" in caplog.text


@pytest.mark.parametrize("text, words", [
    ("", "must be a JSON file"), ("ada: secret", "must be a JSON file"), ("[]", "JSON object"),
    ("{}", "JSON object"), ('"secret"', "JSON object"), ('{"ada": 1}', "'ada', a text"),
    ('{"ada": ""}', "'ada', a text"), ('{"": "secret"}', "'', a text"),
    ('{"ada": null}', "'ada', a text"), ('{"ada": {"a": "b"}}', "'ada', a text"),
    ('{"ada": "a", "ada": "b"}', "twice"), ("[" * 100_000, "must be a JSON file"),
    ('{"ada": "' + "a" * (1 << 20) + '"}', "at most 1048576 bytes"),
])
def test_a_malformed_file_stops_the_start(tmp_path, text, words):
    with pytest.raises(InputError, match=words) as error:
        UsersFile(users(tmp_path, text))
    assert len(str(error.value)) < 500 and "secret" not in str(error.value)


def test_only_style_sheets_of_the_components_are_served():
    sheets = component_sheets()
    assert "dalab.views.panel.components.header/Header/_stylesheets/header.css" in sheets
    assert {path.suffix for path in sheets.values()} == {".css"}
    assert all(path.is_file() for path in sheets.values())


def test_no_route_comes_after_those_of_the_pages():
    patterns = [route[0] for route in routes(with_login=False)]
    assert patterns[-1] == "/.+" and "/login" not in patterns
    assert "/login" in [route[0] for route in routes(with_login=True)]


@pytest.mark.parametrize("host, local", [
    ("localhost:5006", True), ("LOCALHOST", True), ("127.0.0.1:80", True), ("[::1]:5006", True),
    ("evil.example:5006", False), ("localhost.evil.example", False), ("", False),
    ("localhost:5006.evil.example", False), ("192.0.2.7:5006", False),
])
def test_a_server_without_guard_is_for_this_machine(host, local, monkeypatch, capfd):
    from dalab.views.panel.access import unguarded

    monkeypatch.setattr(type(unguarded.pn.state), "headers", {"Host": host})
    unguarded._warn.cache_clear()
    made = [unguarded.local_page(lambda: "the page") for _ in range(2)]
    assert (made[0] == "the page") is local
    assert local or "dalab lab" in made[0].object
    assert capfd.readouterr().err.count("for this machine only") == 1
