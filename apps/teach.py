"""Lessons as a page: ``panel serve apps/teach.py --show``; it binds to localhost."""

from dalab.views.panel.pages.lessons import create_lessons

create_lessons().servable()
