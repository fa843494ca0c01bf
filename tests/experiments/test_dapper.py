"""Published rows of cycled filters: valid configs, enough analyses, a table that resumes."""

from __future__ import annotations

import pytest

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.from_config import make_methods
from dalab.experiments.tables import dapper
from dalab.experiments.tables.dapper import Row, choose_rows, published_rows, reproduce
from dalab.methods.filtering import Filter
from dalab.systems import SYSTEMS

ROWS = published_rows()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_is_a_cycled_experiment_of_one_filter(row):
    (method,) = make_methods(row.config).values()
    assert isinstance(method, Filter) and SYSTEMS.make(row.config.system)
    assert row.analyses >= 1000 and 0 < row.published < 10


def test_rows_are_told_apart_and_chosen_by_their_beginning():
    assert len({row.config.hash() for row in ROWS}) == len(ROWS)
    assert {row.setting for row in choose_rows(["sakov2012"])} == {"sakov2012"}
    assert all(row.config.methods[0].startswith("etkf") for row in choose_rows(["etkf"]))
    assert choose_rows([]) == list(ROWS)
    with pytest.raises(InputError, match="must begin a method, or one of the settings sakov2008"):
        choose_rows(["kalman"])


def small(seed: int) -> Row:
    return Row("small", 0.2, Config(
        system="lorenz96", cycles=6, burn_in=1, methods=["etkf:members=8"], masks=["full"],
        operators=["identity:units=physical"], noise=1.0, background=0.01, seed=seed,
    ))


def test_complete_rows_are_not_computed_again_and_failed_ones_are(tmp_path, monkeypatch):
    path, rows = tmp_path / "dapper.csv", [small(0), small(1)]
    first = next(reproduce(path, rows))
    assert first.found["status"] == "complete" and "published 0.2" in str(first)
    ran = []
    execute = dapper.execute
    monkeypatch.setattr(dapper, "execute", lambda c, *_: ran.append(c.seed) or execute(c))
    assert [step.done for step in reproduce(path, rows)] == [1, 2] and ran == [1]
    table = dapper.summarise_rows(path, rows)
    assert table["median"].tolist() == pytest.approx(table["here"].tolist()), "of one truth"
    assert table["ratio"].tolist() == pytest.approx((table["here"] / 0.2).tolist())
    broken = small(2)
    wrong = {"noise": 1e5, "background": 1e5}
    monkeypatch.setattr(dapper, "execute", lambda c, *_: execute(c.replace(**wrong)))
    (failed,) = reproduce(path, [broken])
    assert failed.found["status"].startswith("failed")
    monkeypatch.setattr(dapper, "execute", execute)
    assert [s.found["status"] for s in reproduce(path, [broken])] == ["complete"]
