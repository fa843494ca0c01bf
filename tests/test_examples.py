"""Every Python block of README, CONTRIBUTING and the page on cycles runs, in order."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

ADDED = {"operators": "tanh", "masks": "moorings", "methods": "nudging", "system": "advection"}
"""Field of a config, and the name that an example of CONTRIBUTING registers for it."""

USE = """
import sys
from dalab import Config, execute

field, name = sys.argv[1:]
small = Config(system="lorenz96", operators=["identity"], masks=["full"], methods=["oi"], members=2)
config = small.replace(**{field: name if field == "system" else [name]})
result = execute(Config.from_dict(config.to_dict()))
print(result.attrs["status"], *result["estimates"].children)
"""

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def blocks(name: str) -> list[str]:
    """The Python blocks of a page."""
    return BLOCK.findall((ROOT / name).read_text())


def run(source: str, folder: Path, *arguments: str) -> str:
    """Run a program in an empty folder and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", source, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/cycles.md"])
def test_blocks_run_in_order(name, tmp_path):
    run("\n\n".join(blocks(name)), tmp_path)


def test_readme_shows_ten_lines_and_a_picture_first():
    first = (ROOT / "README.md").read_text().splitlines()[:14]
    start, end = first.index("```python"), first.index("```")
    assert end - start > 10
    assert any(line.startswith("![") for line in first[:start])


@pytest.mark.parametrize("field, name", ADDED.items())
def test_what_contributing_adds_is_registered_and_runs(field, name, tmp_path):
    source = "\n\n".join([*blocks("CONTRIBUTING.md"), USE])
    status, *labels = run(source, tmp_path, field, name).split()
    assert status == "complete"
    assert labels == ([name] if field == "methods" else ["oi"])
