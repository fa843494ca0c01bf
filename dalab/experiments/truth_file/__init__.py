"""States of the user's own, from a NetCDF file or a Zarr store in pyqg's layout.

The layout is that of ``pyqg.QGModel().to_dataset()`` concatenated in time: a variable ``q`` with
dimensions ``(time, lev, y, x)`` in 1/s, and a coordinate ``time`` in seconds; other units are
converted. For a system without units both are pure numbers. Of a file of truths only the window is
read.

Axes are read by their coordinates, and what the file says of its flow has to be true of the system:
the length of its domain, and the parameters in its attributes.
"""

from .reading import LAYOUT, read_states, read_window, read_windows
from .starting import NormalStart, starting_states

__all__ = ["LAYOUT", "NormalStart", "read_states", "read_window", "read_windows", "starting_states"]
