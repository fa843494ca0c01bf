"""Scores of estimates on xarray, with dims ``member, time, lev, y, x``."""
