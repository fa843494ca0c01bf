"""Lessons as a page: ``panel serve apps/teach.py --show``; it binds to localhost."""

from dalab.views.teach import create_teach

create_teach().servable()
