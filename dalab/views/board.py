"""Where maps, curves and scores go on a screen of 1280 by 800."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 910
"""Pixels across, what a window of 1280 leaves beside the controls."""

HEIGHT = 800 - 38 - 42 - 50 - 24
"""Pixels down: the window without the header, status, toolbar and scales."""

LEFT, SIDE, TITLE, BOTTOM = 48, 10, 34, 20
"""Pixels around the square of a map: y axis, either side, title, x axis."""


@dataclass(frozen=True)
class Plan:
    """Sizes for a number of maps, all in pixels.

    Up to four maps stand in one row, with curves and scores side by side below. Five or six leave
    room for the curves at the end of the second row, above the scores. More fill the second row.

    Args:
        maps: how many maps.
    """

    maps: int

    @property
    def columns(self) -> int:
        """Maps in a row."""
        return 3 if self.maps <= 3 else 4

    @property
    def rows(self) -> int:
        """Rows of maps."""
        return -(-self.maps // self.columns)

    @property
    def size(self) -> int:
        """Side of the square of a map."""
        fits = (WIDTH - LEFT - SIDE) // self.columns - 2 * SIDE
        return min(fits, 250 if self.rows == 1 else 192 if self.beside else 180)

    @property
    def beside(self) -> bool:
        """Whether the curves stand beside the last maps."""
        return self.rows > 1 and -self.maps % self.columns >= 2

    @property
    def height(self) -> int:
        """Height of a row of maps."""
        return TITLE + self.size + BOTTOM

    @property
    def below(self) -> int:
        """Height that is left under the maps."""
        return max(HEIGHT - self.rows * self.height, 140)

    @property
    def curves(self) -> tuple[int, int]:
        """Width and height of the curves."""
        if self.beside:
            filled = self.maps % self.columns
            return WIDTH - LEFT - SIDE - filled * (self.size + 2 * SIDE), self.height
        return WIDTH - self.table[0] - SIDE, self.below

    @property
    def table(self) -> tuple[int, int]:
        """Width and height of the scores."""
        return (WIDTH if self.beside else 530), self.below
