"""Press Run in the labs of the notebooks that are kept with their figures.

A widget is not kept with a notebook; the picture and the scores of its run are. All other cells
keep the outputs they have.

    python docs/make_notebooks.py
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[1] / "notebooks"
KEPT = ("01", "02", "03", "04", "08", "09")

PRESS = """
import time

lab.run()
while lab.model.runs.busy:
    lab.refresh()
    time.sleep(0.1)
"""


def fill(notebook: NotebookNode) -> None:
    """Run the cells with parameters and those with a lab, and press Run in the labs."""
    notebook.metadata.pop("widgets", None)  # the state of widgets that would be dead
    client = NotebookClient(
        notebook, timeout=3600, startup_timeout=900, store_widget_state=False,
        resources={"metadata": {"path": str(FOLDER)}},
    )
    with client.setup_kernel():
        for number, cell in enumerate(list(notebook.cells)):
            lab = cell.cell_type == "code" and "Lab(" in cell.source
            if not lab and "parameters" not in cell.metadata.get("tags", ()):
                continue
            count = cell.execution_count
            client.execute_cell(cell, number)
            cell.execution_count = count
            if lab:
                notebook.cells.append(nbformat.v4.new_code_cell(PRESS))
                client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1)
                notebook.cells.pop()


def main() -> None:
    for path in sorted(FOLDER.glob("*.ipynb")):
        if path.name[:2] in KEPT:
            notebook = nbformat.read(path, as_version=4)
            fill(notebook)
            nbformat.write(notebook, path)
            print(f"{path.name}: {path.stat().st_size // 1024} KiB", flush=True)


if __name__ == "__main__":
    main()
