"""Words of a table that is being filled: what there is to do, what is done, and the time left."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

from dalab.cli import app
from dalab.commands import table_progress
from dalab.commands.table_progress import TableDisplay, plan_line, state_line
from dalab.experiments.progress import Progress
from dalab.experiments.tables import clock as clocks
from dalab.experiments.tables.clock import TableClock, TableState
from dalab.experiments.tables.summary import like
from dalab.experiments.tables.sweep import Cell, TableProgress

CELL = Cell("II", ("arctan",), "full", 1)


class Time:
    """A clock that the test sets."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now

    perf_counter = monotonic


@pytest.fixture
def now(monkeypatch):
    time = Time()
    for module in (table_progress, clocks):
        monkeypatch.setattr(module, "time", time)
    return time


def result(done: int, total: int = 9) -> TableProgress:
    return TableProgress(CELL, 0, ({"method": "oi", "rmse_sample": 0.5},), done, total, 44.0)


def test_the_plan_says_what_is_there_and_what_is_missing():
    assert plan_line(TableState(120, 30, 0, 2400.0)) == (
        "120 runs, 30 of them there: 90 to make, about 40 min left")
    assert plan_line(TableState(1, 0, 0, 8.0)) == "1 run: 1 to make, about 8 s left"
    assert plan_line(TableState(7, 7, 0, 0.0)) == "7 runs: all are there"
    progress = Progress("sda", 1, 2, 0.4)
    assert state_line(TableState(9, 2, 3, 44.0, "II sine", progress)) == (
        "6/9 II sine  sda (2 of 2)  about 45 s left")


def test_the_time_left_follows_the_runs_so_far(now):
    told = []
    clock = TableClock(5, [10.0, 10.0, 20.0], told.append)
    assert (told[0].there, told[0].remaining, told[0].run) == (2, 40.0, "")
    for name in "ab":
        clock.begin(name)
        now.now += 45.0 / 2
        clock.end()
    assert clock.remaining == pytest.approx(2 * 20.0), "all runs take twice as long as expected"
    assert told[-1].done == 3 and told[-1].run == "b"


def test_without_a_terminal_lines_come_now_and_then(now):
    out = io.StringIO()
    with TableDisplay(Console(file=out)) as display:
        display.report(TableState(9, 0, 0, 50.0))
        for done in range(1, 6):
            now.now += 4
            display.result(result(done))
        for _ in range(70):
            now.now += 1
            display.report(TableState(9, 0, 5, 44.0, "II sine", Progress("oi", 0, 1)))
        display.result(result(9))
    assert out.getvalue().splitlines() == [
        "9 runs: 9 to make, about 50 s left",
        "3/9 II arctan full N=1 seed 0  oi 0.500  about 45 s left",
        "6/9 II sine  oi (1 of 1)  about 45 s left",
        "9/9 II arctan full N=1 seed 0  oi 0.500",
    ]


def test_on_a_terminal_there_is_a_bar_and_every_result():
    out = io.StringIO()
    with TableDisplay(Console(file=out, force_terminal=True, width=120)) as display:
        display.report(TableState(9, 0, 0, 50.0))
        for done in (1, 2):
            display.report(TableState(9, 0, done - 1, 44.0, "II sine", Progress("oi", 0, 1, 0.5)))
            display.result(result(done))
    shown = out.getvalue()
    assert "9 runs: 9 to make" in shown and "1/9 II arctan" in shown and "2/9 II arctan" in shown
    assert "about 45 s left" in shown


def test_methods_with_ensembles_of_their_own_are_part_of_the_table():
    from dalab.experiments.config import Config

    base = Config(members=2)
    row = {"system": "qg64", "prior": "auto", "truth": "model"}
    rows = [{**row, "method": m, "members": n} for m, n in (
        ("oi", "2"), ("oi", "3"), ("letkf", "24"), ("letkf:ensemble=8", "24"), ("letkf", "0"),
        ("unknown", "2"))]
    assert [(r["method"], r["members"]) for r in like(rows, base)] == [
        ("oi", "2"), ("letkf", "24"), ("letkf", "0"), ("unknown", "2")]


def test_the_command_says_how_much_there_is_to_do(tmp_path):
    cell = "setting=II,operators=arctan,mask=stride:10,interval=8"
    arguments = ["table", "soad", "--cells", cell, "--method", "persistence", "--seeds", "2",
                 "--members", "2", "--device", "cpu", "--prior", "gaussian", "--out", str(tmp_path)]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0 and first.stderr.startswith("2 runs: 2 to make, ")
    again = CliRunner().invoke(app, [*arguments, "--seeds", "3"])
    assert again.stderr.startswith("3 runs, 2 of them there: 1 to make, ")
    assert "1/3" not in again.stderr and "3/3" in again.stderr
    assert CliRunner().invoke(app, arguments).stderr.startswith("2 runs: all are there\n")
