"""Layout of maps, curves and scores in the space available in a window."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

ABOVE = 42 + 50 + 24 + 4
"""Height of the status line, toolbar, colour bars and the gap above the score table [pixels]."""

MARGIN = 32
"""Width of the margins and the scroll bar [pixels]."""

WIDTH = 1280 - 338 - MARGIN
"""Width beside the controls in a window 1280 wide [pixels]."""

HEIGHT = 800 - 38 - ABOVE
"""Height below the header in a window 800 high [pixels]."""

LEFT, SIDE, TITLE, BOTTOM = 48, 10, 34, 20
"""Space around the square of a map: y axis, either side, title, x axis [pixels]."""

SCORES, CURVES = 540, 320
"""Minimum widths of the score table and of the curves [pixels]."""

CYCLED_SCORES, CYCLED_CURVES = 750, 340
"""Width of the score table of a cycled run, if so much is left for the curves [pixels]."""

SMALL = 150
"""Minimum size of a map [pixels]; below it the page scrolls."""


@dataclass(frozen=True)
class GridLayout:
    """Sizes of all parts in pixels, with the largest maps that fit.

    Curves and scores are placed side by side below the maps, or the curves fill the end of the
    last row and the scores the whole width below.

    Args:
        maps: number of maps.
        width: width of the grid.
        down: height of the grid.
        cycled: True for a cycled run, whose scores have more columns.
    """

    maps: int
    width: int = WIDTH
    down: int = HEIGHT
    cycled: bool = False

    @cached_property
    def columns(self) -> int:
        """Number of maps in a row."""
        most = max((self.width - LEFT - SIDE) // (SMALL + 2 * SIDE), 1)
        return max(range(1, most + 1), key=lambda columns: (self._size(columns), columns))

    @property
    def rows(self) -> int:
        """Number of rows of maps."""
        return -(-self.maps // self.columns)

    @property
    def size(self) -> int:
        """Side length of a map."""
        return max(self._size(self.columns), SMALL)

    @property
    def beside(self) -> bool:
        """True if the curves are placed beside the last maps."""
        return self._beside(self.columns, self.size)

    @property
    def height(self) -> int:
        """Height of a row of maps."""
        return TITLE + self.size + BOTTOM

    @property
    def below(self) -> int:
        """Height left below the maps."""
        return max(self.down - self.rows * self.height, self._least(self.beside))

    @property
    def curves(self) -> tuple[int, int]:
        """Width and height of the curves."""
        if self.beside:
            return self._gap(self.columns, self.size), self.height
        return self.width - self.table[0] - SIDE, self.below

    @property
    def table(self) -> tuple[int, int]:
        """Width and height of the scores."""
        return (self.width if self.beside else self._scores), self.below

    @property
    def _scores(self) -> int:
        """Width of the scores beside the curves."""
        most = min(CYCLED_SCORES, self.width - SIDE - CYCLED_CURVES)
        return max(most, SCORES) if self.cycled else SCORES

    def _size(self, columns: int) -> int:
        """Return the largest map size for a number of columns."""
        across = (self.width - LEFT - SIDE) // columns - 2 * SIDE
        rows = -(-self.maps // columns)

        def fitting(beside: bool) -> int:
            each = (self.down - self._least(beside)) // rows
            return min(across, each - TITLE - BOTTOM)

        beside = fitting(True)
        return beside if self._beside(columns, beside) else fitting(False)

    def _beside(self, columns: int, size: int) -> bool:
        return self._gap(columns, size) >= CURVES

    def _gap(self, columns: int, size: int) -> int:
        """Return the free width at the end of the last row."""
        filled = (self.maps - 1) % columns + 1
        return self.width - LEFT - SIDE - filled * (size + 2 * SIDE) if self.maps > columns else 0

    def _least(self, beside: bool) -> int:
        """Return the minimum height below the maps: a title and a line for each method."""
        lines = 32 + 23 * min(self.maps - 2, 8)
        return lines if beside else max(lines, 190)
