"""The lab as a page for this machine: ``panel serve apps/lab.py --show``; others: ``dalab lab``."""

from dalab.views.panel.access.unguarded import local_page
from dalab.views.panel.app import create_app

local_page(create_app).servable()
