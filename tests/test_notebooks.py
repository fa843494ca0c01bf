"""Every notebook runs from top to bottom.

Those that are read as well as run are kept with their figures, the others without outputs.
"""

import itertools
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipywidgets")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

PLAIN = [path for path in NOTEBOOKS if path.name[:2] in ("00", "05")]
ILLUSTRATED = [path for path in NOTEBOOKS if path not in PLAIN]

pytestmark = pytest.mark.lab

QUICK = {
    "01_what_is_assimilation.ipynb": "WINDOWS, TRIALS, CYCLES, REPEATS = 20_000, 4, 20, 2",
    "02_kalman_and_variational.ipynb":
        "SEEDS, CYCLES, REPEATS, ITERATIONS, QG_MEMBERS = 1, 8, 2, 2, 4",
    "03_operators_and_sparsity.ipynb":
        "STEPS, PRIOR, RATIOS = 2, 'gaussian', (1.0, 0.25)\n"
        "SOAD, LETKF = 'soad:steps=3', 'letkf:members=6'",
    "04_compare_on_one_problem.ipynb": "STEPS, MEMBERS, ITERATIONS = 2, 2, 2",
    "05_train_a_prior.ipynb": "STEPS = 12",
    "06_score_filters.ipynb": "CYCLES, MEMBERS = 4, 4",
    "07_ccdm.ipynb": "CYCLES, REPEATS = 6, 2",
    "08_omega.ipynb": "REFERENCE, LENGTH, COUNTS, CYCLES = 500, 3100, (2, 5), 3",
    "09_daisi.ipynb": "CYCLES, REPEATS, STEPS, SAMPLES = 6, 2, 4, 500",
}
"""What is put after the cell tagged ``parameters``, so that a notebook does its work in small."""


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.name)
def notebook(request):
    found = nbformat.read(request.param, as_version=4)
    for cell in found.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source += "\n" + QUICK[request.param.name]
    return found


LARGEST = 1_000_000
"""Bytes of a notebook with figures."""


def test_they_form_a_path():
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{k:02}" for k in range(10)]
    for before, after in itertools.pairwise(NOTEBOOKS):
        titles = [nbformat.read(path, as_version=4).cells[0].source for path in (before, after)]
        assert f"({after.name})" in titles[0] and f"({before.name})" in titles[1] + titles[0]
        assert before.name in (ROOT / "docs" / "notebooks.md").read_text()


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_it_is_kept_without_outputs(path):
    kept = nbformat.read(path, as_version=4)
    for cell in kept.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
    nbformat.validate(kept)


@pytest.mark.parametrize("path", ILLUSTRATED, ids=lambda path: path.name)
def test_its_figures_are_kept_and_small(path):
    kept = nbformat.read(path, as_version=4)
    nbformat.validate(kept)
    assert path.stat().st_size < LARGEST
    cells = [cell for cell in kept.cells if cell.cell_type == "code"]
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1)), "run in order"
    outputs = [output for cell in cells for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]


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
    said = [o for c in notebook.cells for o in c.get("outputs", ()) if "name" in o]
    assert not [o for o in said if o.name == "stderr"], "no warnings"
    printing = "".join(c.source for c in notebook.cells if c.cell_type == "code")
    assert not said or "print(" in printing, "no noise"
