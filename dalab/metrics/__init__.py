"""How good an estimate is: scores on xarray, with dims ``member, time, lev, y, x``."""
