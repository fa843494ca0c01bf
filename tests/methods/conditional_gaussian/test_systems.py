"""The exact filter on every conditional Gaussian system: it knows how wrong it is."""

from __future__ import annotations

import pytest
import torch

from dalab.methods.conditional_gaussian.recursions import update
from dalab.random import stream
from dalab.systems import SYSTEMS
from dalab.systems.conditional_gaussian.base import ConditionalGaussian, Gaussian

EXACT = [name for name in SYSTEMS
         if isinstance(SYSTEMS[name](), ConditionalGaussian) and name != "triad-closed"]


@pytest.mark.parametrize("name", EXACT)
def test_errors_of_the_hidden_variables_have_the_covariance_of_the_filter(name):
    """Mean of e R^-1 e over truths and the second half of 200 steps, per hidden variable."""
    system = SYSTEMS.make("tracers:count=5,K=2" if name == "tracers" else name)
    hidden = (system.shape[0] - system.resolved) * system.shape[-1]
    truths, generator = max(10, 400 // hidden), stream(0)
    q = system.offset + system.scale * torch.randn(
        truths, *system.shape, generator=generator, dtype=torch.float64
    )
    u, v = system.split(q)
    error = torch.randn(v.shape, generator=generator, dtype=torch.float64)
    std = 0.5 * system.split(system.scale.expand(system.shape))[1]
    known = Gaussian(v + std * error, std.square().diag_embed().expand(*v.shape, v.shape[-1]))
    found = []
    for n in range(200):
        ahead, v = system.advance_once(u, v, generator)
        known, _ = update(known, system.coefficients(u), ahead - u)
        u = ahead
        if n >= 100:
            e = (v - known.mean).unsqueeze(-1)
            found.append((e.mT @ torch.linalg.solve(known.cov, e)).mean() / e.shape[-2])
    assert torch.stack(found).mean().item() == pytest.approx(1, abs=0.2)
