"""Lessons as a page for this machine: ``panel serve apps/teach.py --show``."""

from dalab.views.panel.access.unguarded import local_page
from dalab.views.panel.pages.lessons import create_lessons

local_page(create_lessons).servable()
