"""pyproject.toml, constraints.txt, constraints-numpy1.txt and environment.yml tell one story."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
ASKED_FOR = ["torch", "panel", "holoviews", "xarray", "pyqg", "ipywidgets", "jupyterlab", "numpy"]
ON_PYPI = {"pytorch": "torch", "matplotlib-base": "matplotlib"}  # conda-forge name -> PyPI name
CONDA_ONLY = {"python", "pip", "torchvision", "distributed", "mkdocstrings-python"}


def pyproject() -> dict[str, SpecifierSet]:
    """Name -> specifier of every requirement, core and extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    lines = project["dependencies"] + [line for extra in extras for line in extra]
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r.specifier for r in requirements if r.name != "dalab"}


def pins(name: str) -> dict[str, Version]:
    """Name -> version of every line of a constraints file; anything but `name==version` fails."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    pairs = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if line]
    assert all(pairs), f"{name} holds a line that is no exact pin"
    return {canonicalize_name(pair[1]): Version(pair[2]) for pair in pairs}


def conda() -> dict[str, SpecifierSet]:
    """PyPI name -> specifier of every package of environment.yml, its pip section included."""
    lines = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    from_pip = next(line["pip"] for line in lines if isinstance(line, dict))
    assert "-e ." in from_pip
    found = {}
    for line in [*lines, *from_pip]:
        if isinstance(line, dict) or line == "-e .":
            continue
        name, specifier = re.fullmatch(r"([\w-]+)(.*)", line).groups()
        specifier = re.sub(r"^=(\d[\d.]*)$", r"==\1.*", specifier)
        found[canonicalize_name(ON_PYPI.get(name, name))] = SpecifierSet(specifier)
    return found


def lower_bound(specifier: SpecifierSet) -> Version | None:
    return max((Version(s.version) for s in specifier if s.operator == ">="), default=None)


NUMPY1 = pins("constraints.txt") | pins("constraints-numpy1.txt")


@pytest.mark.parametrize("name", ASKED_FOR)
def test_what_was_asked_for_is_everywhere(name):
    assert name in pyproject()
    assert name in pins("constraints.txt")
    assert name in conda()


@pytest.mark.parametrize("name, specifier", pyproject().items())
def test_constraints_pin_a_version_that_pyproject_allows(name, specifier):
    assert specifier.contains(pins("constraints.txt")[name])
    assert specifier.contains(NUMPY1[name])


@pytest.mark.parametrize("name, specifier", pyproject().items())
def test_environment_has_the_lower_bounds_of_pyproject(name, specifier):
    assert lower_bound(specifier) is not None, f"{name} has no lower bound in pyproject.toml"
    assert lower_bound(conda()[name]) == lower_bound(specifier)


def test_environment_adds_nothing_of_its_own():
    assert set(conda()) - set(pyproject()) == CONDA_ONLY


def test_numpy_1_and_2_are_both_covered():
    assert pins("constraints.txt")["numpy"].major == 2
    assert NUMPY1["numpy"].major == 1
    assert NUMPY1["numpy"] in conda()["numpy"]
    assert Version("2.0") not in conda()["numpy"]


def test_numpy1_only_replaces_pins():
    assert set(pins("constraints-numpy1.txt")) <= set(pins("constraints.txt"))


def test_environment_python_is_supported():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert Version("3.11.0") in conda()["python"]
    assert Version("3.11.0") in SpecifierSet(project["requires-python"])


def test_constraints_pull_no_gpu_libraries():
    assert not [name for name in pins("constraints.txt") if name.startswith(("nvidia", "cuda"))]
