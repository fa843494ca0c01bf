"""The published grid: cells, published numbers, and a table that survives being stopped."""

from __future__ import annotations

import csv

import pytest
import xarray as xr
from typer.testing import CliRunner

from dalab.cli import app
from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.progress import is_complete
from dalab.experiments.tables.published import TABLES, published
from dalab.experiments.tables.rows import published_rows, reproduce
from dalab.experiments.tables.summary import summarise
from dalab.experiments.tables.sweep import (
    COLUMNS,
    append,
    cells,
    choose,
    fill,
    means,
    read,
    with_steps,
)
from dalab.files import locked
from dalab.methods import METHODS
from dalab.views.render.table_figure import figure, write_all

from .stubs import Broken

TWO = "setting=II,operators=arctan,mask=stride:10,interval=1|8"
BASE = Config(members=2, device="cpu")
QUICK = ("sda:steps=3", "oi:iterations=2")


def test_the_grid_has_its_168_cells_and_every_subset():
    assert len(choose("all")) == len(set(choose("all"))) == 168
    assert len(cells("III")) == 4 * 28
    assert len(choose("setting=III,operators=arctan+sine+velocity,interval=1")) == 7
    assert {cell.setting for cell in choose("operators=sine")} == {"I", "II"}


def test_cells_spread_evenly():
    some = choose("24")
    assert len(set(some)) == 24 and {c.setting for c in some} == {"I", "II"}
    assert {c.operators for c in some} == {("arctan",), ("sine",), ("velocity",)}


@pytest.mark.parametrize("text", ["0", "169", "colour=blue", "operators=wind", ""])
def test_cells_that_are_not_there_are_refused(text):
    with pytest.raises(InputError, match="conditions that some cell meets"):
        choose(text)


def test_a_cell_is_an_experiment():
    first, second = choose("setting=I|II,operators=sine,mask=random:0.0625,interval=4")
    config = first.config(BASE)
    assert config.background == 0.1 and second.config(BASE).background is None
    assert (config.operators, config.masks, config.interval) == (("sine",), ("random:0.0625",), 4)


def test_what_no_method_is_told_about_has_settings_of_its_own():
    text = "setting=I-forecast|I-uniform|I-lognormal-0.5,operators=arctan,mask=full,interval=1"
    forecast, uniform, skewed = (cell.config(BASE) for cell in choose(text))
    assert forecast.background_kind == "forecast" and forecast.noise_family == "gaussian"
    assert uniform.noise_family == "uniform" and uniform.background_kind == "perturbed"
    assert skewed.noise_family == "lognormal:shape=0.5" and skewed.background == 0.1


@pytest.mark.parametrize("table, operator, mask, interval, value", [
    ("soad-I", "arctan", "full", 1, 0.0844), ("soad-I", "velocity", "stride:10", 8, 0.1856),
    ("soad-I-no-forward", "sine", "full", 2, 0.4562), ("sda-I", "velocity", "full", 1, 15.220),
    ("soad-II", "arctan", "random:0.01", 8, 1.0451), ("soad-II", "sine", "stride:2", 4, 0.8651),
])  # fmt: skip
def test_published_numbers(table, operator, mask, interval, value):
    assert published(table, (operator,), mask, interval) == value


def test_published_tables_are_whole():
    for name, table in TABLES.items():
        numbers = [published(name, c.operators, c.mask, c.interval) for c in cells("II")]
        assert len(numbers) == 84 and all(0.06 < n < 16 for n in numbers)
        assert table.setting in ("I", "II") and table.note
    assert published("soad-I", ("arctan", "sine"), "full", 1) is None


def test_methods_keep_their_own_steps():
    assert with_steps("soad") == "soad:steps=256" and with_steps("soad:24") == "soad:24"
    assert with_steps("sda:gamma=0.2") == "sda:gamma=0.2,steps=256" and with_steps("oi") == "oi"


@pytest.mark.slow
def test_a_stopped_table_goes_on_where_it_was(tmp_path):
    path, chosen = tmp_path / "rows.csv", choose(TWO)
    run = fill(path, chosen, range(1), QUICK, BASE)
    first = next(run)
    run.close()
    assert (first.done, first.total, len(first.rows)) == (1, 2, 2) and first.remaining > 0
    before = path.read_bytes()
    path.write_bytes(before + b"a line that a kill cut sho")
    again = list(fill(path, chosen, range(1), QUICK, BASE))
    assert [len(step.rows) for step in again] == [0, 2]
    assert path.read_bytes().startswith(before)
    rows = list(csv.DictReader(path.open()))
    assert list(rows[0]) == list(COLUMNS) and len(rows) == 4
    assert {(r["interval"], r["method"]) for r in rows} == {(n, m) for n in "18" for m in QUICK}
    assert all(is_complete(r["status"]) and float(r["crps"]) > 0 for r in rows)
    assert not any(s.rows for s in fill(path, chosen, range(1), QUICK, BASE))
    more = list(fill(path, chosen[:1], range(1), (*QUICK, "dmps:steps=3"), BASE))
    assert [row["method"] for row in more[0].rows] == ["dmps:steps=3"]


def test_a_table_that_cannot_work_is_refused_before_any_run(tmp_path):
    path = tmp_path / "rows.csv"
    with pytest.raises(InputError):
        next(fill(path, choose(TWO), range(1), ("soap",), BASE))
    path.write_text("something,else\n")
    with pytest.raises(InputError, match="must have the columns of this version"):
        next(fill(path, choose(TWO), range(1), QUICK, BASE))


def test_one_table_at_a_time_fills_a_folder(tmp_path):
    path = tmp_path / "rows.csv"
    with locked(tmp_path, "table folder"):
        with pytest.raises(InputError, match="table folder = .*must not be in use by another run"):
            next(fill(path, choose(TWO), range(1), QUICK, BASE))
        with pytest.raises(InputError, match="must not be in use by another run"):
            next(reproduce(tmp_path / "dapper.csv", published_rows("dapper")[:1]))
    assert not path.exists()


def test_readers_leave_a_line_that_is_being_written(tmp_path):
    path = tmp_path / "rows.csv"
    append(path, [{"seed": 0}])
    whole = path.read_bytes()
    path.write_bytes(whole + b"half a li")
    assert len(read(path)) == 1 and path.read_bytes() == whole + b"half a li"
    append(path, [{"seed": 1}])
    assert [row["seed"] for row in read(path)] == ["0", "1"]


def test_a_table_whose_runs_all_fail_ends_with_1(tmp_path, monkeypatch):
    monkeypatch.setitem(METHODS, "broken", Broken)
    two = "setting=III,operators=arctan+sine,mask=stride:10,interval=1|8"
    arguments = ["table", "soad", "--cells", two, "--method", "broken", "--seeds", "1", "--prior",
                 "gaussian", "--members", "1", "--device", "cpu", "--out", str(tmp_path)]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 1, shown.output
    assert "2 of 2 runs failed" in shown.stderr and "positive definite" in shown.stderr


@pytest.mark.parametrize(("name", "wanted"), [
    ("dapper", "etkf"), ("ensf", "shocks"), ("enff", "ks-512"),
])
def test_a_table_that_is_interrupted_says_what_is_kept(tmp_path, monkeypatch, name, wanted):
    def interrupt(config, on_frame):
        raise KeyboardInterrupt

    monkeypatch.setattr("dalab.experiments.tables.rows.execute", interrupt)
    shown = CliRunner().invoke(app, ["table", name, "--method", wanted, "--out", str(tmp_path)])
    assert shown.exit_code == 130
    assert "the run at work is lost" in shown.stderr and f"{name}.csv keeps" in shown.stderr


def test_a_table_that_does_not_ship_is_refused(tmp_path):
    shown = CliRunner().invoke(app, ["table", "dappr", "--out", str(tmp_path)])
    said = shown.stderr.replace("\n", " ")
    assert shown.exit_code == 2 and "soad, ccdm, daisi, dapper, enff, ensf" in said


@pytest.mark.slow
def test_means_over_seeds_and_figures(tmp_path):
    key = {"method": "oi", "setting": "II", "operators": "arctan", "mask": "full", "interval": "1"}
    rows = [{**key, "rmse_sample": v, "status": "complete"} for v in ("0.1", "0.2")]
    assert means(rows, "rmse_sample") == {tuple(key.values()): pytest.approx(0.15)}
    assert [p.name for p in write_all(rows, tmp_path)] == ["soad-ii-oi.png"]
    page = figure(means(rows, "rmse_sample"), "oi", "soad-II")
    texts = {t.get_text() for ax in page.axes for t in ax.texts}
    assert {"0.15", "0.138", "1.09"} <= texts


def row(method, interval, rmse, crps="0.2", spread="1.0", outer="1.1", status="complete"):
    key = {"setting": "II", "operators": "arctan", "mask": "full", "interval": str(interval)}
    scores = {"rmse_sample": rmse, "rmse_mean": rmse, "crps": crps, "spread_skill": spread,
              "outer_ranks": outer, "network_evaluations": "48", "seconds": "2", "status": status}
    return {"method": method, **key, **scores}


def test_the_tally_counts_who_is_best_and_who_knows_its_error():
    found = summarise([
        row("spectral", 1, "0.1"), row("spectral", 2, "0.3", outer="1.3"),
        row("sda:steps=8", 1, "0.2", spread="0.5"), row("sda:steps=8", 2, "0.2"),
        row("dps", 1, "", status="failed: diverged"), row("oi", 1, "0.05", crps="0.1"),
    ])
    assert found.index[0] == "oi" and found.loc["spectral", "rmse_sample"] == pytest.approx(0.2)
    assert found["best"].to_dict() == pytest.approx(
        {"spectral": 0.5, "sda:steps=8": 0.5, "dps": 0.0, "oi": float("nan")}, nan_ok=True
    )
    assert found.loc["spectral", "calibrated"] == found.loc["sda:steps=8", "calibrated"] == 0.5
    assert found.loc["dps", "failed"] == 1 and found.loc["spectral", "runs"] == 2


@pytest.mark.slow
def test_the_command_fills_a_table_and_draws_it(tmp_path):
    one = TWO.replace("1|8", "8")
    arguments = ["table", "soad", "--cells", one, "--method", "oi:iterations=2", "--seeds", "1",
                 "--members", "2", "--device", "cpu", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert len(read(tmp_path / "rows.csv")) == 1
    assert (tmp_path / "soad-ii-oi-iterations-2.png").stat().st_size > 10000
    scores = xr.open_zarr(tmp_path / "table.zarr")
    one_run = {"method": "oi:iterations=2", "setting": "II", "operators": "arctan", "seed": 0}
    found = scores["crps"].sel(one_run | {"mask": "stride:10", "interval": 8})
    assert float(found) == pytest.approx(float(read(tmp_path / "rows.csv")[0]["crps"]))
    assert "oi:iterations=2" in result.output

    more = CliRunner().invoke(app, [*arguments, "--members", "3"])
    assert more.exit_code == 0, more.output
    assert len(read(tmp_path / "rows.csv")) == 2
    assert CliRunner().invoke(app, ["table", "others"]).exit_code == 2
