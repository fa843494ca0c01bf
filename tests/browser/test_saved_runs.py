"""Runs that outlive their page and the server, found again by their own browser only."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("panel")

from dalab.views.panel.browser import BROWSER, BROWSER_NAME, new_browser_name  # noqa: E402

from .conftest import served as served_app  # noqa: E402
from .page import READY, LabPage  # noqa: E402
from .test_attacks import Server, lab  # noqa: E402

pytestmark = [pytest.mark.lab, pytest.mark.slow]

QUERY = "?system=lorenz96&operators=identity&masks=full&methods=oi&members=2&noise=0.3"


@contextmanager
def browsing(chromium) -> Iterator[Callable[[str], LabPage]]:
    """A browser of its own, which opens pages."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    pages: list[LabPage] = []

    def come(url: str) -> LabPage:
        pages.append(LabPage(context.new_page()))
        pages[-1].open(url)
        return pages[-1]

    yield come
    context.close()
    assert [complaint for page in pages for complaint in page.complaints] == []


def run(page: LabPage) -> None:
    page.press("Run")
    page.wait_state("done")


def listed(page: LabPage) -> list[str]:
    """Titles of the runs in the list."""
    page.page.get_by_role("tab", name="Runs").click()
    page.page.wait_for_selector(".list table.runs, .list .empty")
    return page.page.locator(".list td.title b").all_inner_texts()


def close_tabs(*pages: LabPage) -> None:
    """Close all tabs of the browsers of some pages: they would miss a server that ends."""
    for page in pages:
        for tab in page.page.context.pages:
            tab.close()


def on_disk(runs: Path) -> int:
    return len(list(runs.glob("*/[0-9]*")))


def open_first(page: LabPage, curve: list[float | None]) -> None:
    page.press("Show Run 1")
    page.wait_state("done")
    page.wait(lambda: page.curve("oi") == pytest.approx(curve, rel=1e-5), "the curve of the run")


@pytest.mark.browser
def test_a_reload_and_a_restart_list_the_runs_again_in_their_own_browser(chromium, tmp_path):
    runs = tmp_path / "runs"
    with browsing(chromium) as mine, browsing(chromium) as theirs:
        with lab(tmp_path, "--runs", str(runs)) as server:
            page = mine(server.url + QUERY)
            run(page)
            curve = page.wait(lambda: page.curve("oi"), "its curve")
            page.wait(lambda: on_disk(runs) == 1, "the run on disk")
            page.page.reload()
            page.page.wait_for_function(READY)
            assert listed(page) == ["Run 1"]
            open_first(page, curve)
            assert listed(mine(server.url)) == ["Run 1"], "in a new tab"
            other = theirs(page.page.url)
            assert listed(other) == [], "not in another browser, at any address"
            close_tabs(page, other)
        with lab(tmp_path, "--runs", str(runs)) as server:
            page = mine(server.url)
            assert listed(page) == ["Run 1"]
            open_first(page, curve)
            page.type("Seed", "1")
            page.press("Run")
            page.wait(lambda: listed(page) == ["Run 2", "Run 1"], "the new run in the list")
            other = theirs(server.url)
            assert listed(other) == []
            close_tabs(page, other)


@pytest.mark.browser
def test_a_server_without_guard_lists_them_too(chromium, tmp_path, monkeypatch):
    monkeypatch.setenv("DALAB_RUNS", str(tmp_path / "runs"))
    with served_app("lab", tmp_path) as url, browsing(chromium) as mine, browsing(chromium) as new:
        page = mine(url + QUERY)
        run(page)
        page.wait(lambda: on_disk(tmp_path / "runs") == 1, "the run on disk")
        page.open(url)
        assert listed(page) == ["Run 1"] and listed(new(url)) == []


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Server]:
    with lab(tmp_path_factory.mktemp("serve")) as server:
        yield server


def names(server: Server, *cookies: str) -> tuple[str, str]:
    """Name of a browser for its session, and for itself, after a request with some cookies."""
    from bokeh.util.token import get_token_payload

    _, headers, text = server.ask("/", Cookie="; ".join(cookies))
    known = get_token_payload(re.search(r'"token":"([^"]+)"', text)[1])["cookies"][BROWSER]
    return known, re.search(rf"{BROWSER}=([^;]*)", ";".join(headers.get_all("Set-Cookie")))[1]


@pytest.mark.parametrize("given", ["", "..", "a" * 21, "a" * 23, "../" * 7 + "a", "f" * 64])
def test_a_browser_names_itself_by_a_name_of_ours_only(served, given):
    (known, own), (same, kept) = names(served, f"{BROWSER}={given}"), names(served)
    assert BROWSER_NAME.fullmatch(own) and own != given and known not in (own, given)
    assert own != kept and known != same
    assert names(served, f"{BROWSER}={own}") == (known, own), "the next page finds it again"


def test_users_of_one_browser_share_no_runs(tmp_path):
    users, cookie = tmp_path / "users.json", f"{BROWSER}={new_browser_name()}"
    users.write_text('{"ada": "a long password", "grace": "another password"}')
    with lab(tmp_path, "--users", str(users)) as server:
        ada, grace = (server.log_in(*pair) for pair in json.loads(users.read_text()).items())
        known = names(server, cookie, ada)[0]
        assert names(server, cookie, ada)[0] == known != names(server, cookie, grace)[0]
