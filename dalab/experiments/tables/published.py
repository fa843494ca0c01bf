r"""Published errors of SOAD, and of its authors' runs of SDA, on two-layer QG turbulence.

Means over five seeds and nine steps of the RMSE of one sample, in normalised units: 256 x 256
cells, observation error 0.1, background error 0.1 where there is a background, all seeds from one
test trajectory of 32 days. They are taken from the tables printed in the authors' notebooks. Ours
use other grids and truths with the same share of observed cells: an orientation rather than a
comparison.

The numbers called SDA are no reference for SDA: the guidance in that code has the wrong sign for a
Gaussian prior, and it uses no background (:class:`dalab.methods.diffusion.sda.SDAReleased`). Those
of SOAD without the forward-diffusion corrector contain no background either, although they are
labelled so, because it enters through that corrector alone.

References:
    | Zheng et al., State-observation augmented diffusion model (arXiv 2407.21314)
"""

from __future__ import annotations

from dataclasses import dataclass

MASKS = ("full", "random:0.25", "random:0.0625", "random:0.01", "stride:2", "stride:4", "stride:10")
INTERVALS = (1, 2, 4, 8)
OPERATORS = ("arctan", "sine", "velocity")


@dataclass(frozen=True)
class Table:
    """One published method in one setting.

    Args:
        method: our name of the method.
        setting: ``I`` with a background, ``II`` without, as labelled by the authors.
        note: remark to print with the numbers.
        values: by operator, rows of :data:`MASKS` by columns of :data:`INTERVALS`.
    """

    method: str
    setting: str
    note: str
    values: dict[str, str]

    def value(self, operator: str, mask: str, interval: int) -> float:
        """Return the RMSE of one cell of the table."""
        rows = self.values[operator].strip().splitlines()
        return float(rows[MASKS.index(mask)].split()[INTERVALS.index(interval)])


TABLES = {
    "soad-I": Table("soad", "I", "SOAD as released, with background", {
        "arctan": """
            0.0844 0.0936 0.1020 0.1122
            0.1100 0.1198 0.1301 0.1412
            0.1461 0.1565 0.1686 0.1798
            0.2076 0.2123 0.2173 0.2217
            0.1079 0.1179 0.1277 0.1377
            0.1406 0.1513 0.1643 0.1756
            0.2000 0.2067 0.2134 0.2187
        """,
        "sine": """
            0.0643 0.0780 0.0906 0.1097
            0.1072 0.1237 0.1457 0.1742
            0.1823 0.2041 0.2300 0.2540
            0.3258 0.3269 0.3251 0.3322
            0.1025 0.1193 0.1392 0.1658
            0.1677 0.1926 0.2213 0.2454
            0.3375 0.3318 0.3274 0.3311
        """,
        "velocity": """
            0.1033 0.1128 0.1219 0.1284
            0.1208 0.1306 0.1389 0.1465
            0.1414 0.1518 0.1602 0.1665
            0.1681 0.1745 0.1792 0.1847
            0.1203 0.1313 0.1411 0.1479
            0.1394 0.1517 0.1627 0.1681
            0.1668 0.1752 0.1826 0.1856
        """,
    }),
    "soad-I-no-forward": Table(
        "soad:forward=False", "I",
        "SOAD without its forward-diffusion corrector: no background at all", {
        "arctan": """
            0.1549 0.1819 0.2153 0.2564
            0.2588 0.3137 0.3748 0.4317
            0.4519 0.5183 0.5786 0.6318
            0.9083 0.9551 0.9982 1.0436
            0.2492 0.3042 0.3622 0.4201
            0.4266 0.4966 0.5595 0.6114
            0.7657 0.8219 0.8732 0.9189
        """,
        "sine": """
            0.7027 0.4562 0.6349 0.9025
            0.8242 0.9955 1.1582 1.3210
            1.2957 1.3827 1.4544 1.5062
            1.4718 1.4890 1.5190 1.5254
            0.7396 0.9782 1.1566 1.3037
            1.2998 1.4147 1.4946 1.5482
            1.4931 1.5182 1.5263 1.5336
        """,
        "velocity": """
            0.1347 0.1553 0.1761 0.1970
            0.1937 0.2243 0.2579 0.2900
            0.2938 0.3414 0.3924 0.4374
            0.5347 0.5932 0.6510 0.7121
            0.1907 0.2217 0.2554 0.2880
            0.2832 0.3328 0.3848 0.4305
            0.4920 0.5556 0.6179 0.6728
        """,
    }),
    "sda-I": Table(
        "sda-released", "I", "SDA as run by the authors of SOAD: wrong sign, no background", {
        "arctan": """
            2.7602 1.9434 1.8551 1.4404
            2.6494 2.2708 2.2210 1.9022
            2.5079 2.3373 2.2766 2.1140
            2.4077 2.3375 2.3200 2.2870
            2.6947 2.2821 2.2817 1.9774
            2.5412 2.3262 2.3042 2.1520
            2.4571 2.3856 2.3683 2.3342
        """,
        "sine": """
            4.3316 4.0081 3.8043 3.6504
            3.6859 3.3515 3.2213 3.1739
            3.1399 2.9818 2.8793 2.8144
            2.6636 2.5450 2.4692 2.4349
            3.6540 3.4148 3.2696 3.2419
            3.1850 3.0103 2.9303 2.8950
            2.7133 2.6093 2.5287 2.4899
        """,
        "velocity": """
            15.220 7.7167 7.0721 6.7606
            15.079 7.4093 7.0561 6.7123
            14.866 7.3481 6.8579 6.5246
            2.9837 1.6586 1.2789 1.2148
            15.166 7.5480 7.0393 6.6983
            14.720 7.2420 6.9725 6.7227
            3.1416 1.5540 1.3438 1.2268
        """,
    }),
    "soad-II": Table("soad", "II", "SOAD as released, without background", {
        "arctan": """
            0.1382 0.1626 0.1894 0.2287
            0.2279 0.2749 0.3273 0.3853
            0.4068 0.4704 0.5324 0.5934
            0.8911 0.9467 1.0043 1.0451
            0.2211 0.2685 0.3192 0.3766
            0.3808 0.4474 0.5097 0.5666
            0.7419 0.7926 0.8449 0.9006
        """,
        "sine": """
            0.1097 0.3013 0.3426 0.6550
            0.5280 0.7225 0.9533 1.1368
            1.1680 1.2399 1.3205 1.4161
            1.4358 1.4615 1.5093 1.5513
            0.4415 0.6289 0.8651 1.0832
            1.0830 1.2133 1.3225 1.4191
            1.4373 1.5016 1.5173 1.5508
        """,
        "velocity": """
            0.1185 0.1347 0.1571 0.1813
            0.1655 0.1898 0.2196 0.2531
            0.2528 0.2932 0.3440 0.3981
            0.4934 0.5551 0.6209 0.6847
            0.1629 0.1874 0.2172 0.2506
            0.2394 0.2818 0.3348 0.3902
            0.4509 0.5155 0.5852 0.6479
        """,
    }),
}  # fmt: skip
"""Published tables, by a short name of method and setting."""


def published(table: str, operators: tuple[str, ...], mask: str, interval: int) -> float | None:
    """Return a published RMSE of one sample; ``None`` if there is none.

    Args:
        table: key of :data:`TABLES`.
        operators: observation operators; there are no numbers for several at once.
        mask: one of :data:`MASKS`.
        interval: steps between observation times.
    """
    known = mask in MASKS and interval in INTERVALS and len(operators) == 1
    if not known or operators[0] not in TABLES[table].values:
        return None
    return TABLES[table].value(operators[0], mask, interval)
