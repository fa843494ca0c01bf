"""Scores of systems with hidden fields, or with thresholds of extreme events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

import dalab
from dalab.errors import InputError
from dalab.metrics.online import exceedance_brier
from dalab.systems import System


@dataclass(frozen=True)
class Pair(System):
    """Two fields of three cells that forget their past, the second one hidden."""

    shape = (2, 1, 3)
    resolved = 1
    spinup = 1

    @property
    def extremes(self):
        return torch.tensor([1.6449, 1.6449]).reshape(2, 1, 1)

    def step(self, x, n=1, generator=None):
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        return 0.6 * x + 0.8 * noise


class Plain(Pair):
    """The same, and says nothing of it."""

    resolved, extremes = None, None


def run(system):
    return dalab.execute(dalab.Experiment(
        system=system, network=dalab.network(dalab.operators.Component(field=1), noise=0.1),
        methods={"enkf": dalab.methods.METHODS.make("enkf:members=100,inflation=1.0")},
        schedule=dalab.Schedule(cycles=60, burn_in=0), repeats=2,
    ))


@pytest.fixture(scope="module")
def result():
    return run(Pair())


def test_hidden_and_resolved_fields_have_scores_of_their_own(result):
    metrics = result["metrics"].to_dataset().sel({"method": "enkf"})
    both = (metrics["rmse_hidden_cycles"] ** 2 + metrics["rmse_resolved_cycles"] ** 2) / 2
    np.testing.assert_allclose(both, metrics["rmse_analysis_cycles"] ** 2)
    assert float(metrics["rmse_resolved"]) < 0.2 < 0.8 < float(metrics["rmse_hidden"]) < 1.2
    assert float(metrics["spread_hidden"]) == pytest.approx(1.0, abs=0.2)
    assert float(metrics["crps_hidden"]) == pytest.approx(0.56, abs=0.1), "that of the climate"


def test_the_tables_of_all_interfaces_have_these_columns(result):
    table = dalab.table(result)
    assert {"rmse_hidden", "crps_hidden", "spread_hidden", "rmse_resolved", "tail_brier",
            "rmse_hidden_err"} <= set(table.columns)
    assert "RMSE hidden" in dalab.metrics.table.html_table(result)
    rows = dalab.to_pandas(result)
    assert {"rmse_hidden", "tail_brier"} <= set(rows.columns)


def test_other_systems_have_none_of_them():
    result = run(Plain())
    assert not [n for n in result["metrics"] if "hidden" in str(n) or "brier" in str(n)]
    assert "rmse_hidden" not in dalab.table(result)


def test_the_brier_score_of_the_climate_is_its_variance():
    """Members and truth from the same distribution: p (1 - p) = 0.0475, for any number of them."""
    generator = torch.Generator().manual_seed(0)
    for members in (2, 5, 40):
        x = torch.randn(20_000, members, 1, 1, 1, generator=generator)
        truth = torch.randn(20_000, 1, 1, 1, generator=generator)
        found = exceedance_brier(x, truth, torch.full((1, 1, 1), 1.6449))
        assert found.mean().item() == pytest.approx(0.05 * 0.95, abs=0.005)


def test_the_brier_score_of_a_few_members_is_the_fair_one():
    x = torch.tensor([0.0, 0.0, 2.0, 2.0]).reshape(1, 4, 1, 1, 1)
    threshold = torch.ones(1, 1, 1)
    for truth, plain in ((2.0, 0.25), (0.0, 0.25)):
        found = exceedance_brier(x, torch.full((1, 1, 1, 1), truth), threshold)
        assert found.item() == pytest.approx(plain - 2 * 2 / (16 * 3))
    alone = exceedance_brier(x[:, :1], torch.full((1, 1, 1, 1), 2.0), threshold)
    assert alone.item() == 1.0
    x[0, 0] = torch.nan
    assert exceedance_brier(x, torch.zeros(1, 1, 1, 1), threshold).isnan().all()


def test_thresholds_of_another_shape_are_refused():
    class Wrong(Pair):
        extremes = torch.zeros(3, 1, 1)

    with pytest.raises(InputError, match="extremes"):
        Wrong().check()
