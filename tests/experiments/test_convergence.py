"""Solvers that iterate to a tolerance, and say when they did not get there."""

from __future__ import annotations

import pytest
import torch
from typer.testing import CliRunner

import dalab
from dalab.cli import app
from dalab.methods.gaussian.cg import conjugate_gradients

ACCURATE = dalab.Config(
    operators=["identity"], masks=["full"], prior="gaussian", assumed_noise=0.02,
    interval=4, members=1, methods=["oi"], device="cpu",
)


def test_oi_with_accurate_observations_is_solved():
    """The solution errs by 0.06; sixty iterations leave 0.63."""
    table = dalab.table(dalab.execute(ACCURATE))
    assert table["status"].item() == "complete"
    assert table["rmse_mean"].item() < 0.07


def test_an_analysis_that_did_not_converge_says_so(tmp_path):
    few = ACCURATE.replace(methods=["oi:iterations=30"])
    tree = dalab.execute(few)
    status = dalab.table(tree)["status"].item()
    assert status.startswith("complete; not converged: residual") and "30 iterations" in status
    assert tree.attrs["status"] == "complete", "it has an estimate and scores"
    (tmp_path / "few.json").write_text(few.to_json())
    shown = CliRunner().invoke(app, ["run", str(tmp_path / "few.json")])
    assert shown.exit_code == 0 and "not converged: residual" in shown.output


def test_an_analysis_of_a_cycle_that_did_not_converge_says_so():
    few = ACCURATE.replace(methods=["oi:iterations=30"], interval=1, cycles=2, background=0.5)
    assert "not converged" in dalab.table(dalab.execute(few))["status"].item()


@pytest.mark.parametrize(("method", "status"), [
    ("var3d", "complete"),
    ("var3d:iterations=2", "complete; not converged: gradient"),
    ("var4d", "complete"),
    ("var4d:iterations=3", "complete; not converged: gradient"),
    ("var4d:outer=1,inner=2", "complete"),  # a number that is set is no limit
])
def test_minimisations_that_did_not_converge_say_so(method, status):
    tree = dalab.execute(dalab.Config(
        system="lorenz96", operators=["identity"], masks=["random:0.5"], members=1,
        methods=[method], device="cpu",
    ))
    found = dalab.table(tree)["status"].item()
    assert found.startswith(status) and ("iterations" in found) == ("not" in status)


@pytest.mark.parametrize(("iterations", "status"), [
    (2, "complete; not converged in a window"), (60, "complete"),
])
def test_a_window_of_a_cycle_that_did_not_converge_says_so(iterations, status):
    tree = dalab.execute(dalab.Config(
        system="lorenz96", operators=["identity"], masks=["random:0.5"], members=2, cycles=10,
        burn_in=0, background=0.1, methods=[f"var4d:iterations={iterations}"], device="cpu",
    ))
    assert dalab.table(tree)["status"].item() == status


def test_rows_stop_on_their_own_at_the_tolerance():
    source = torch.Generator().manual_seed(0)
    M = torch.randn(30, 30, generator=source, dtype=torch.float64)
    A = M @ M.T + torch.diag(torch.logspace(0, 3, 30, dtype=torch.float64))
    b = torch.randn(3, 30, generator=source, dtype=torch.float64)
    b[1] = 1e-6 * A @ b[1]
    weight = (1 / A.diagonal()).expand_as(b)

    def solve(b, weight):
        return conjugate_gradients(
            lambda x: x @ A, b, preconditioner=weight, iterations=500, tolerance=1e-4
        )

    x = solve(b, weight)
    left = b - x @ A
    size = (weight * left**2).sum(-1) / (weight * b**2).sum(-1)
    assert (size.sqrt() < 1.1e-4).all() and (size.sqrt() > 1e-7).all(), "neither less nor more"
    for row in range(3):
        alone = solve(b[row : row + 1], weight[:1])
        torch.testing.assert_close(x[row : row + 1], alone, rtol=1e-12, atol=0)
