"""The real pyqg behind the shapes and units of the lab's own solver."""

import sys

import pytest
import torch

from dalab.errors import InputError
from dalab.systems import TwoLayerQG, qg64
from dalab.systems.library import load_states
from dalab.systems.pyqg_truth import block_mean, pyqg_snapshots


@pytest.fixture
def q():
    return load_states("qg64")[:4].double() * qg64().scale


def test_a_window_of_pyqg_is_that_of_the_solver(q):
    pytest.importorskip("pyqg")
    model = TwoLayerQG()
    ours, theirs = model.snapshots(q, 4, 12), pyqg_snapshots(model, q, 4, 12)
    assert theirs.shape == (4, 4, 2, 64, 64)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-14)
    grouped = pyqg_snapshots(model, q.float().reshape(2, 2, 2, 64, 64), 2, 12)
    assert grouped.shape == (2, 2, 2, 2, 64, 64)
    assert grouped.dtype == torch.float32


def test_pyqg_is_silent(q, capfd):
    pytest.importorskip("pyqg")
    pyqg_snapshots(TwoLayerQG(), q[0], 2, 1)
    assert capfd.readouterr() == ("", "")


def test_wrong_shapes_are_refused():
    with pytest.raises(InputError, match="PV shape"):
        pyqg_snapshots(TwoLayerQG(), torch.zeros(2, 32, 32), 2, 1)


def test_absence_of_pyqg_is_explained(q, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyqg", None)
    with pytest.raises(InputError, match="pyqg = 'not installed'.*make install"):
        pyqg_snapshots(TwoLayerQG(), q[0], 2, 1)


def test_block_mean():
    field = torch.arange(16.0).reshape(1, 4, 4)
    assert block_mean(field, 2).tolist() == [[[2.5, 4.5], [10.5, 12.5]]]
    assert torch.equal(block_mean(field, 1), field)


@pytest.mark.parametrize("factor", [0, 3, -2])
def test_blocks_have_to_fit(factor):
    with pytest.raises(InputError, match=f"block size = {factor}: must divide the grid of 4"):
        block_mean(torch.zeros(4, 4), factor)
