"""Shocks of the truth: how often, how large, what the result says of them, and who is told."""

from __future__ import annotations

import pytest
import torch
import xarray as xr

import dalab
from dalab.errors import InputError
from dalab.experiments.cycles.twin import CycledTwin
from dalab.experiments.experiment import Experiment
from dalab.experiments.shocks import Shocks

SHAKEN = dalab.Config(
    system="lorenz96", cycles=12, burn_in=2, repeats=3, interval=2, background=0.01,
    operators=["identity"], masks=["full"], noise=0.1, methods=["etkf:members=8"],
    shocks="0.2:0.5,0.3:0.05",
)


def test_shocks_come_as_often_and_are_as_large_as_they_should():
    sizes = Shocks.of("0.25:0.5").sizes(1, 4000, torch.Generator().manual_seed(0))[0]
    assert set(sizes.tolist()) == {0.0, 0.5}
    assert float((sizes > 0).double().mean()) == pytest.approx(0.25, abs=0.03)
    x = torch.full((4000, 1, 1, 10), 2.0).double()
    jumps = Shocks.jumped(x, sizes, torch.Generator().manual_seed(1)) - x
    assert float(jumps[sizes > 0].std()) == pytest.approx(1.0, abs=0.03)
    assert jumps[sizes == 0].abs().max() == 0


def test_sizes_of_several_kinds_add_up():
    generator = torch.Generator().manual_seed(0)
    found = Shocks.of("0.5:0.5,0.5:0.2").sizes(50, 40, generator)
    values, counts = found.unique(return_counts=True)
    torch.testing.assert_close(values, torch.tensor([0, 0.2, 0.5, 0.7]).double())
    torch.testing.assert_close(counts / found.numel(), torch.full((4,), 0.25), atol=0.04, rtol=0)


def test_no_shocks_are_no_kinds():
    assert Shocks.of("").kinds == Shocks.of("0:0.5").kinds == ()


@pytest.mark.parametrize("text", ["often", "2:1", "0.1", "0.1:0.2:0.3", "0.1:-1", "0.1:0.2,",
                                  "0.1:1e9", ".nan:1", ",".join(["0.1:0.1"] * 101)])
def test_other_texts_are_refused(text):
    with pytest.raises(InputError, match="shocks = .*must be PROBABILITY:SIZE"):
        Experiment.of(SHAKEN.replace(shocks=text))


def test_every_truth_takes_the_shocks_that_the_twin_tells():
    twin = CycledTwin(Experiment.of(SHAKEN))
    calm = CycledTwin(Experiment.of(SHAKEN.replace(shocks="")))
    nature, hits = twin.start(), []
    for cycle in range(1, 13):
        free = calm.advance(nature, cycle)
        nature = twin.advance(nature, cycle)
        sizes = twin.shock_sizes(cycle)
        assert sizes.shape == (2, 3), "intervals, repeats"
        hit = sizes.sum(0) > 0
        apart = (nature - free).flatten(1).abs().amax(1)
        assert torch.equal(apart > 1e-9, hit)
        torch.testing.assert_close(twin.observe(nature, cycle).shock, sizes.sum(0))
        hits.append(hit)
    assert 0 < int(torch.stack(hits).sum()) < 36, "some, and not all"


def test_results_keep_the_shocks_and_are_the_same_again():
    first, second = dalab.execute(SHAKEN), dalab.execute(SHAKEN)
    shock = first["metrics/shock_cycles"].isel(method=0)
    twin = CycledTwin(Experiment.of(SHAKEN))
    told = torch.stack([twin.shock_sizes(c).sum(0) for c in range(1, 13)], 1)
    assert shock.dims == ("repeat", "cycle")
    torch.testing.assert_close(torch.from_numpy(shock.values), told)
    xr.testing.assert_identical(
        first["metrics/rmse_units_cycles"], second["metrics/rmse_units_cycles"]
    )
    assert "shock_cycles" not in dalab.execute(SHAKEN.replace(shocks=""))["metrics"]


def test_a_run_goes_on_through_its_shocks_to_the_bit(tmp_path):
    whole = dalab.execute(SHAKEN)
    dalab.execute(SHAKEN.replace(cycles=7), folder=tmp_path / "run")
    resumed = dalab.execute(SHAKEN, folder=tmp_path / "run")
    for name in ("shock_cycles", "rmse_units_cycles"):
        xr.testing.assert_identical(whole[f"metrics/{name}"], resumed[f"metrics/{name}"])
