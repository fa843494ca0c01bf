"""Tests of dalab, which is imported here first: its process settings precede torch."""

import dalab  # noqa: F401
