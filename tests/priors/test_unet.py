"""The network of the trained priors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from dalab.priors.denoisers.unet import wrap


@pytest.mark.parametrize(
    "shape, edge", [((2, 3, 4, 5), 1), ((2, 3, 1, 5), 1), ((1, 1, 6, 6), 2)]
)
def test_grids_are_continued_alike_with_and_without_a_derivative(shape, edge):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = F.pad(x, (edge,) * 4, mode="circular")
    assert torch.equal(wrap(x, edge), expected)
    x.requires_grad_()
    assert torch.equal(wrap(x, edge), expected)
    (found,) = torch.autograd.grad(wrap(x, edge), x, expected)
    (wanted,) = torch.autograd.grad(F.pad(x, (edge,) * 4, mode="circular"), x, expected)
    torch.testing.assert_close(found, wanted)
