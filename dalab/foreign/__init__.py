"""Files that the lab did not ship, read in a process of their own.

A file from elsewhere may be broken, or made to harm: a few kilobytes unpack to a terabyte, groups
hold themselves, names lead to other files, a fault of a library ends the process. So nothing but
:mod:`~dalab.foreign.worker` opens one. It has little memory and time, counts objects before it
reads them, and hands plain numbers and texts through a pipe. Whatever happens to it, the caller
gets an :class:`~dalab.errors.InputError` within seconds.
"""

from .data import ForeignData, Group, Variable, open_data
from .files import check_file, read_text
from .limits import Limits
from .plain import read_plain
from .tensors import TensorFile, open_tensors

__all__ = [
    "ForeignData", "Group", "Limits", "TensorFile", "Variable", "check_file", "open_data",
    "open_tensors", "read_plain", "read_text",
]
