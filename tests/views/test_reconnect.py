"""What a page is told to do when its connection breaks."""

from __future__ import annotations

import asyncio
import gc

import pytest

pytest.importorskip("panel")

from bokeh.document import Document  # noqa: E402
from tornado.websocket import WebSocketClosedError  # noqa: E402

from dalab.views.model.config_text import FOREIGN
from dalab.views.panel.reconnect import BACK, FORGET, come_back, ignore_closed_pages

pytestmark = pytest.mark.lab


def test_the_page_has_the_key_and_bokeh_does_not_connect_again():
    document = Document()
    come_back(document, "a key")
    assert not document.config.reconnect_session
    (script,) = document.callbacks._js_event_callbacks["connection_lost"]
    assert script.args == {"back": BACK, "key": "a key"} and "set(back, key)" in script.code


def test_the_key_is_in_the_address_for_one_time_only():
    assert f'delete("{BACK}")' in FORGET and BACK not in FOREIGN


async def reported(error: Exception) -> list[dict]:
    """Return what the loop reports of an error that nobody hears of while a page is written to."""
    loop, reports = asyncio.get_running_loop(), []
    loop.default_exception_handler = reports.append
    ignore_closed_pages()
    written = loop.create_future()
    written.set_exception(error)
    del written
    gc.collect()
    return [report for report in reports if report.get("exception") is error]


@pytest.mark.parametrize(("error", "count"), [(WebSocketClosedError(), 0), (ValueError("odd"), 1)])
def test_only_the_error_of_a_closed_page_is_ignored(error, count):
    assert len(asyncio.run(reported(error))) == count
