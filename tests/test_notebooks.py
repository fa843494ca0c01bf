"""Every notebook runs from top to bottom, and is kept without its outputs."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipywidgets")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

pytestmark = pytest.mark.lab

QUICK = {"05_train_a_prior.ipynb": "STEPS = 12"}
"""What is put after the cell tagged ``parameters``, so that a notebook does its work in small."""


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.name)
def notebook(request):
    found = nbformat.read(request.param, as_version=4)
    for cell in found.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source += "\n" + QUICK[request.param.name]
    return found


def test_there_are_notebooks():
    assert [path.name for path in NOTEBOOKS][0] == "00_first_run.ipynb"


def test_it_is_kept_without_outputs(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
    nbformat.validate(notebook)


@pytest.mark.slow
def test_it_runs(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    client = nbclient.NotebookClient(
        notebook, timeout=240, kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    shown = [o for c in notebook.cells for o in c.get("outputs", ()) if "data" in o]
    kinds = {kind for output in shown for kind in output["data"]}
    assert {"application/vnd.jupyter.widget-view+json", "image/png", "text/html"} <= kinds
    assert not [o for c in notebook.cells for o in c.get("outputs", ()) if "name" in o], "no noise"
