"""Columns of the score tables: error bars, digits, and what is left out where there is no room."""

from __future__ import annotations

import math

import pytest

from dalab.experiments.cycles.further import FURTHER as FURTHER_SCORES
from dalab.metrics.columns import (
    COLUMNS,
    CYCLED_COLUMNS,
    FURTHER_COLUMNS,
    columns_of,
    fitting,
)
from dalab.metrics.table import COLUMNS as NAMES
from dalab.metrics.table import CYCLED

RMSE = next(column for column in CYCLED_COLUMNS if column.key == "rmse_mean")


@pytest.mark.parametrize(("value", "error", "text"), [
    (0.19234, 0.0031, "0.192 ± 0.003"),
    (0.05214, 0.00042, "0.0521 ± 0.0004"),
    (0.05214, 0.0000001, "0.05214 ± 0.00000"),
    (0.19234, 0.0, "0.192 ± 0.000"),
    (0.19234, math.nan, "0.192"),
    (2e7, 1e6, "2e+07"),
    (math.nan, math.nan, "–"),
])
def test_an_error_bar_stands_in_the_cell_of_its_score(value, error, text):
    assert RMSE.cell({"rmse_mean": value, "rmse_mean_err": error}) == text


def test_a_score_without_an_error_bar_has_the_digits_of_its_column():
    texts = {column.key: column.cell({column.key: 1.23456}) for column in COLUMNS}
    assert texts["crps"] == "1.235" and texts["spread_skill"] == "1.23" and texts["members"] == "1"


def test_every_column_is_one_of_the_score_table():
    assert {column.key for column in COLUMNS} < set(NAMES)
    keys = {key for column in CYCLED_COLUMNS for key in (column.key, column.error) if key}
    assert keys < {*NAMES, *CYCLED} and set(CYCLED) < keys
    assert columns_of(True) is CYCLED_COLUMNS and columns_of(False) is COLUMNS


def test_further_scores_have_columns_where_they_are_known():
    keys = [column.key for column in columns_of(True, ["crps", "w2", "sliced_w2", "rmse_hidden"])]
    assert [key for key in keys if key not in {c.key for c in CYCLED_COLUMNS}] == [
        "w2", "sliced_w2", "rmse_hidden"
    ]
    assert keys[-2:] == ["seconds", "members"] and columns_of(False, ["w2"]) is COLUMNS
    assert {column.key for column in FURTHER_COLUMNS} == set(FURTHER_SCORES)


def test_the_least_important_columns_are_left_out_first():
    def keys(most: int) -> list[str]:
        return [c.key for c in fitting(CYCLED_COLUMNS, lambda some: len(some) <= most)]

    assert keys(8) == [column.key for column in CYCLED_COLUMNS]
    assert "members" not in keys(7) and "spread" in keys(6)
    needed = ["rmse_mean", "rmse_forecast", "crps", "spread_skill", "seconds"]
    assert keys(5) == keys(0) == needed, "these are never left out"
