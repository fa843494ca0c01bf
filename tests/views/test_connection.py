"""What a page is told to do when its connection breaks."""

from __future__ import annotations

import pytest

pytest.importorskip("panel")

from bokeh.document import Document  # noqa: E402

from dalab.views.connection import BACK, FORGET, come_back  # noqa: E402
from dalab.views.share import FOREIGN  # noqa: E402

pytestmark = pytest.mark.lab


def test_the_page_has_the_key_and_bokeh_does_not_connect_again():
    document = Document()
    come_back(document, "a key")
    assert not document.config.reconnect_session
    (script,) = document.callbacks._js_event_callbacks["connection_lost"]
    assert script.args == {"back": BACK, "key": "a key"} and "set(back, key)" in script.code


def test_the_key_is_in_the_address_for_one_time_only():
    assert f'delete("{BACK}")' in FORGET and BACK not in FOREIGN
