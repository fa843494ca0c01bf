"""The score table and its plain form, of complete and of empty results."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from dalab.metrics.table import COLUMNS, records, table

STATUS = ["complete", "cancelled"]


@pytest.fixture
def tree():
    scores = {
        name: ("method", [0.5, np.nan])
        for name in COLUMNS
        if name not in ("method", "status", "members", "network_evaluations")
    }
    metrics = xr.Dataset(
        {
            **scores,
            "members": ("method", [8, 0]),
            "network_evaluations": ("method", [48, 0]),
            "status": ("method", np.array(STATUS, dtype=object)),
            "rmse_steps": (("method", "time"), [[0.4, 0.6], [np.nan, np.nan]]),
        },
        coords={"method": ["spectral", "oi"]},
    )
    return xr.DataTree.from_dict({"/metrics": metrics})


def test_one_row_per_method_in_the_order_of_the_run(tree):
    found = table(tree)
    assert tuple(found.columns) == COLUMNS
    assert found["method"].tolist() == ["spectral", "oi"] and found["status"].tolist() == STATUS
    assert found["members"].tolist() == [8, 0]
    assert found["rmse_mean"][0] == 0.5 and np.isnan(found["rmse_mean"][1])


def test_records_are_json_with_null_for_what_is_missing(tree):
    found = json.loads(json.dumps(records(tree), allow_nan=False))
    assert found["spectral"]["rmse_steps"] == [0.4, 0.6] and found["spectral"]["members"] == 8
    assert found["oi"]["rmse_steps"] == [None, None] and found["oi"]["crps"] is None
    assert found["oi"]["status"] == "cancelled"
    assert set(found["oi"]) == {*COLUMNS, "rmse_steps"} - {"method"}
