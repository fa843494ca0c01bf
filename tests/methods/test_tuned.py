"""What is left to an ensemble filter is found in its table, once, and said."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from dalab.methods import METHODS
from dalab.methods.ensemble.base import EnsembleKalman
from dalab.methods.ensemble.denkf import DEnKF
from dalab.methods.ensemble.enkf import EnKF
from dalab.methods.ensemble.enks import EnKS
from dalab.methods.ensemble.etkf import ETKF
from dalab.methods.ensemble.letkf import LETKF
from dalab.methods.ensemble.tuning import PLAIN, observed_share, setting
from dalab.observations import OPERATORS, network
from dalab.random import stream
from tests.methods.worlds import last, problem

FILTERS = [EnKF, EnKS, ETKF, LETKF]


@pytest.fixture
def flow(tiny_system):
    """A small flow that calls itself by the name of the one that was searched."""
    return replace(tiny_system, name="qg64")


def test_every_kalman_filter_of_the_registry_has_its_table():
    found = [cls for cls in METHODS.values() if issubclass(cls, EnsembleKalman)]
    assert set(found) == {*FILTERS, DEnKF}
    for cls in FILTERS:
        for rows in (cls.rows.alone, cls.rows.background):
            assert set(rows) == {1.0, 0.25, 0.0625, 0.01}
            assert 0 < rows[0.25].rmse < 1.1
            cls(inflation=max(r.inflation for r in rows.values()))
            assert all((r.radius > 0) == ("localisation" in cls.param) for r in rows.values())


def test_denkf_takes_the_settings_of_the_enkf_but_not_its_errors():
    for name in ("alone", "background"):
        own, others = getattr(DEnKF.rows, name), getattr(EnKF.rows, name)
        assert {k: replace(v, rmse=others[k].rmse) for k, v in own.items()} == others
        assert all(math.isnan(row.rmse) for row in own.values())


@pytest.mark.parametrize("cls", [*FILTERS, DEnKF])
@pytest.mark.parametrize("mask, share", [("full", 1.0), ("random:0.35", 0.25)])
@pytest.mark.parametrize("background", [None, 0.2])
def test_left_out_is_the_same_as_the_row_written_out(
    flow, tiny_prior, cls, mask, share, background
):
    p = problem(flow, tiny_prior, ("arctan",), mask=mask, background=background)
    row = (cls.rows.alone if background is None else cls.rows.background)[share]
    written = {"localisation": row.radius, "inflation": row.inflation}
    given = {k: v for k, v in written.items() if k in cls.param}
    auto, explicit = last(cls(members=6), p, 1), last(cls(members=6, **given), p, 1)
    assert torch.equal(auto.estimate, explicit.estimate)
    assert auto.note == explicit.note and f"inflation {row.inflation:g}" in auto.note
    assert (f"radius {row.radius:g}" in auto.note) == ("localisation" in cls.param)


def test_a_number_that_is_given_stays(flow, tiny_prior):
    p = problem(flow, tiny_prior, ("identity",), mask="full")
    note = last(LETKF(members=4, localisation=0.0), p, 1).note
    assert "radius" not in note and f"inflation {LETKF.rows.alone[1.0].inflation:g}" in note
    assert "inflation 1.7" in last(LETKF(members=4, inflation=1.7), p, 1).note


def test_systems_that_were_not_searched_take_the_plain_setting(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior)
    assert setting(LETKF.rows, p) is PLAIN
    assert last(LETKF(members=4), p, 1).note.endswith("radius 2, inflation 1.1")


def test_the_row_is_that_of_the_nearest_share_in_the_logarithm(flow, tiny_prior):
    for mask, share in (("random:0.51", 1.0), ("random:0.45", 0.25), ("points:[(1, 2)]", 0.01)):
        p = problem(flow, tiny_prior, mask=mask)
        assert setting(LETKF.rows, p) is LETKF.rows.alone[share]
    blind = problem(flow, tiny_prior, mask="points:[]")
    assert torch.isfinite(last(LETKF(members=4), blind, 1).estimate).all()


def test_a_cell_counts_once_and_a_day_without_observations_not_at_all(tiny_system):
    cells = torch.rand(3, 8, 8, generator=stream(0)) < 0.5
    cells[1] = False
    more = cells.clone()
    more[0, 0] = True
    operators = [OPERATORS[name](tiny_system) for name in ("identity", "speed")]
    share = observed_share(network(*operators, mask=[cells, more]).realise())
    assert share == pytest.approx(float((more[0].sum() + more[2].sum()) / 128))
