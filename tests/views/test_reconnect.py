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


async def failed(error: Exception) -> None:
    """Something that was to be written to a page, and nobody heard of."""
    ignore_closed_pages()
    written = asyncio.get_running_loop().create_future()
    written.set_exception(error)
    del written
    gc.collect()


@pytest.mark.parametrize(("error", "logged"), [(WebSocketClosedError(), 0), (ValueError("odd"), 1)])
def test_only_the_error_of_a_closed_page_is_ignored(error, logged, caplog):
    gc.collect()  # what tests before it left behind has its own errors to report
    caplog.clear()
    asyncio.run(failed(error))
    assert len(caplog.records) == logged
