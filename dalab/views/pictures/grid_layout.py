"""Where maps, curves and scores go in the room that a window leaves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

ABOVE = 42 + 50 + 24 + 4
"""Pixels of the status line, the toolbar, the colour scales, and over the score table."""

MARGIN = 32
"""Pixels left and right of the board, and for a scroll bar."""

WIDTH = 1280 - 338 - MARGIN
"""Pixels across, what a window of 1280 leaves beside the controls."""

HEIGHT = 800 - 38 - ABOVE
"""Pixels down, what a window of 800 leaves under the header."""

LEFT, SIDE, TITLE, BOTTOM = 48, 10, 34, 20
"""Pixels around the square of a map: y axis, either side, title, x axis."""

SCORES, CURVES = 540, 320
"""Least width of the score table and of the curves."""

SMALL = 150
"""A map is not made smaller than this: the board scrolls instead."""


@dataclass(frozen=True)
class GridLayout:
    """Sizes for a number of maps, all in pixels: the largest maps that fit.

    Curves and scores stand side by side below the maps, or the curves fill the end of the last
    row and the scores the whole width below.

    Args:
        maps: how many maps.
        width: of the board.
        down: height of the board.
    """

    maps: int
    width: int = WIDTH
    down: int = HEIGHT

    @cached_property
    def columns(self) -> int:
        """Maps in a row."""
        most = max((self.width - LEFT - SIDE) // (SMALL + 2 * SIDE), 1)
        return max(range(1, most + 1), key=lambda columns: (self._size(columns), columns))

    @property
    def rows(self) -> int:
        """Rows of maps."""
        return -(-self.maps // self.columns)

    @property
    def size(self) -> int:
        """Side of the square of a map."""
        return max(self._size(self.columns), SMALL)

    @property
    def beside(self) -> bool:
        """Whether the curves stand beside the last maps."""
        return self._beside(self.columns, self.size)

    @property
    def height(self) -> int:
        """Height of a row of maps."""
        return TITLE + self.size + BOTTOM

    @property
    def below(self) -> int:
        """Height that is left under the maps."""
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
        return (self.width if self.beside else SCORES), self.below

    def _size(self, columns: int) -> int:
        """The largest maps in so many columns, curves beside them or below."""
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
        """Width at the end of the last row."""
        filled = (self.maps - 1) % columns + 1
        return self.width - LEFT - SIDE - filled * (size + 2 * SIDE) if self.maps > columns else 0

    def _least(self, beside: bool) -> int:
        """Least height of what is below the maps: a title and a line for each method."""
        lines = 32 + 23 * min(self.maps - 2, 8)
        return lines if beside else max(lines, 190)
