"""The Panel app: a page that polls the view-model ten times a second."""

from __future__ import annotations

import panel as pn

from ..model.history import Archive, shared_runs
from ..model.url import default_config, model_from_url
from .browser import browser
from .components.share_bar import share_bar
from .components.tour import Tour
from .pages.pages import Pages
from .reconnect import BACK
from .sidebar import KEY, sidebar
from .template import address, follow, prepare, template, wait_for_screen


def create_app(**presets: object) -> pn.Template:
    """Make the page of the lab; every call makes an independent session.

    Args:
        presets: initial fields of :class:`dalab.experiments.config.Config`.

    Raises:
        InputError: for an unknown preset or one that is out of its bounds.
    """
    prepare()
    arguments = address()
    keys = [*arguments.pop(BACK, []), *arguments.get(KEY, [])]
    model = model_from_url(presets, arguments)
    name = browser()
    model.belong_to(name, Archive(shared_runs(), name))
    wait_for_screen(model)
    for key in keys:
        if model.come_back(key):
            break
    pages = Pages(model)
    follow("dalab", model.runs.session.key, pages.poll, model.close)
    return template(
        "page.html", header=pages.header, tour=Tour(model),
        share=share_bar(model, default_config(presets)), controls=sidebar(model),
        main=pages.layout,
    )
