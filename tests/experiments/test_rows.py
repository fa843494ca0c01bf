"""Published rows of cycled filters: valid configs, enough analyses, a table that resumes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.experiment import Experiment
from dalab.experiments.from_config import make_methods
from dalab.experiments.schedule import Schedule
from dalab.experiments.tables import rows as tables
from dalab.experiments.tables.rows import (
    Row,
    choose_rows,
    gaps_between,
    published_rows,
    reproduce,
    summarise_rows,
    table_names,
)
from dalab.methods.filtering import Filter
from dalab.systems import SYSTEMS

ROWS = [(table, row) for table in table_names() for row in published_rows(table)]


@pytest.mark.parametrize(("table", "row"), ROWS, ids=lambda value: str(value))
def test_a_row_is_a_cycled_experiment_of_one_filter(table, row):
    (method,) = make_methods(row.config).values()
    assert isinstance(method, Filter) and SYSTEMS.make(row.config.system)
    assert row.analyses >= {"dapper": 1000, "masf": 18, "daisi": 20}.get(table, 50)
    unknown = table in ("ccdm", "daisi", "masf", "omega")
    assert math.isnan(row.published) if unknown else 0 < row.published < 10


@pytest.mark.parametrize(
    "setting", ["tuning", "shocks", "few-steps", "lr-63-arctan", "lr-96-linear"]
)
def test_settings_of_ensf_can_run(setting):
    for row in choose_rows("ensf", [setting]):
        Experiment.of(row.config)


@pytest.mark.parametrize("row", published_rows("enff"), ids=str)
def test_rows_of_enff_can_run(row):
    Experiment.of(row.config)


@pytest.mark.parametrize("row", published_rows("ccdm"), ids=str)
def test_rows_of_ccdm_can_run(row):
    Experiment.of(row.config)


@pytest.mark.parametrize("row", published_rows("daisi"), ids=str)
def test_rows_of_daisi_can_run(row):
    Experiment.of(row.config)


@pytest.mark.parametrize("row", published_rows("masf"), ids=str)
def test_rows_of_masf_can_run(row):
    Experiment.of(row.config)


def test_rows_without_a_published_number_show_none(tmp_path):
    path, row = tmp_path / "masf.csv", published_rows("masf")[0]
    quick = replace(row, config=row.config.replace(
        system="kolmogorov:size=16", cycles=2, repeats=1, members=4, methods="etkf"))
    (made,) = reproduce(path, [quick])
    assert "published" not in str(made)
    table = summarise_rows(path, [quick])
    assert not {"published", "ratio", "note"} & set(table.columns)
    assert table["crps"].item() > 0 and table["spread/skill"].item() > 0


def test_rows_are_told_apart_and_chosen_by_their_beginning():
    for table in table_names():
        rows = published_rows(table)
        assert len({row.config.hash() for row in rows}) == len(rows)
        assert choose_rows(table, []) == list(rows)
    assert {row.setting for row in choose_rows("dapper", ["sakov2012"])} == {"sakov2012"}
    chosen = choose_rows("dapper", ["etkf"])
    assert all(row.config.methods[0].startswith("etkf") for row in chosen)
    with pytest.raises(InputError, match="must begin a method, or one of the settings sakov2008"):
        choose_rows("dapper", ["kalman"])


def test_papers_that_score_forecasts_too_observe_now_and_then():
    times = Schedule(cycles=25, gaps=gaps_between(10, 25))
    assert [k for k in range(1, 26) if times.is_observed(k)] == [10, 20]
    (row, *_) = choose_rows("ensf", ["lr-63-linear"])
    observed = Schedule(cycles=300, gaps=row.config.gaps)
    assert [k for k in range(1, 301) if observed.is_observed(k)] == list(range(10, 301, 10))


def test_notes_of_rows_stand_in_the_summary(tmp_path):
    plain, noted = small(0), replace(small(1), note="shorter")
    assert len(list(reproduce(tmp_path / "rows.csv", [plain, noted]))) == 2
    assert "note" not in summarise_rows(tmp_path / "rows.csv", [plain])
    found = summarise_rows(tmp_path / "rows.csv", [plain, noted])
    assert found["note"].tolist() == ["", "shorter"]
    assert summarise_rows(tmp_path / "none.csv", [plain]).empty


def small(seed: int) -> Row:
    return Row("small", 0.2, Config(
        system="lorenz96", cycles=6, burn_in=1, methods=["etkf:members=8"], masks=["full"],
        operators=["identity:units=physical"], noise=1.0, background=0.01, seed=seed,
    ))


def test_complete_rows_are_not_computed_again_and_failed_ones_are(tmp_path, monkeypatch):
    path, rows = tmp_path / "rows.csv", [small(0), small(1)]
    first = next(reproduce(path, rows))
    assert first.found["status"] == "complete" and "published 0.2" in str(first)
    ran = []
    execute = tables.execute
    monkeypatch.setattr(tables, "execute", lambda c, *_: ran.append(c.seed) or execute(c))
    assert [step.done for step in reproduce(path, rows)] == [1, 2] and ran == [1]
    table = summarise_rows(path, rows)
    assert table["median"].tolist() == pytest.approx(table["here"].tolist()), "of one truth"
    assert table["ratio"].tolist() == pytest.approx((table["here"] / 0.2).tolist())
    broken = small(2)
    wrong = {"noise": 1e5, "background": 1e5}
    monkeypatch.setattr(tables, "execute", lambda c, *_: execute(c.replace(**wrong)))
    (failed,) = reproduce(path, [broken])
    assert failed.found["status"].startswith("failed")
    monkeypatch.setattr(tables, "execute", execute)
    assert [s.found["status"] for s in reproduce(path, [broken])] == ["complete"]
