"""Maps that know no direction, and tables over noise levels."""

from __future__ import annotations

import pytest
import torch

from dalab.priors.denoisers.rings import LogTable, apply, regress, ring_index, ring_sums


@pytest.mark.parametrize("grid", [(8, 8), (1, 10), (1, 9), (1, 1), (6, 8)])
def test_regression_finds_the_map(grid):
    rings = ring_index(*grid)
    generator = torch.Generator().manual_seed(0)
    gains = torch.randn(int(rings.max()) + 1, 2, 3, generator=generator, dtype=torch.float64)
    features = torch.randn(40, 3, *grid, generator=generator, dtype=torch.float64)
    target = apply(gains[None], features, rings)
    found = regress(target, features, rings, ridge=1e-12)
    torch.testing.assert_close(found[rings.unique()], gains[rings.unique()], atol=1e-6, rtol=1e-6)


def test_regression_is_the_best_map():
    rings = ring_index(6, 6)
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(50, 2, 6, 6, generator=generator, dtype=torch.float64)
    target = torch.randn(50, 1, 6, 6, generator=generator, dtype=torch.float64) + features[:, :1]
    best = regress(target, features, rings)
    error = (apply(best[None], features, rings) - target).square().sum()
    for _ in range(5):
        other = best + 0.05 * torch.randn(best.shape, generator=generator, dtype=torch.float64)
        assert (apply(other[None], features, rings) - target).square().sum() > error


def test_rings_count_every_wavenumber():
    for ny, nx in ((8, 8), (1, 9), (1, 1), (5, 6)):
        sums = ring_sums(torch.ones(ny, nx // 2 + 1), nx)
        assert sums.sum() == ny * nx and sums[0] == 1


def test_the_table_interpolates_in_the_logarithm():
    table = LogTable((0.1, 1.0, 10.0), (1,))
    table.values[:] = torch.tensor([[1.0], [2.0], [4.0]])
    wanted = torch.tensor([0.01, 0.1, 10**-0.5, 1.0, 10**0.5, 100.0])
    expected = torch.tensor([1.0, 1.0, 1.5, 2.0, 3.0, 4.0])
    torch.testing.assert_close(table(wanted)[:, 0], expected, atol=1e-5, rtol=0)
