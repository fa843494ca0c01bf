"""Order of the methods by their run times, measured and guessed, and the time left of a run."""

from __future__ import annotations

import json
import os
import threading

import pytest

from dalab.experiments.config import Config
from dalab.experiments.execution import Execution
from dalab.experiments.experiment import Experiment
from dalab.experiments.run import execute
from dalab.experiments.timing import clock as clocks
from dalab.experiments.timing import measured
from dalab.experiments.timing.clock import Clock
from dalab.experiments.timing.measured import RunTimes, cheapest_first, run_times
from dalab.files import cache_folder
from dalab.methods import Step

RING = Config(
    system="lorenz96", operators=("identity",), methods=("spectral", "letkf", "climatology"),
    members=3, steps=4, device="cpu",
)


@pytest.fixture
def now(monkeypatch):
    """A clock that the test sets."""
    class Time:
        now = 100.0

        def perf_counter(self) -> float:
            return self.now

    monkeypatch.setattr(clocks, "time", Time())
    return clocks.time


@pytest.mark.parametrize("system, cycles", [("qg64", None), ("lorenz96", None), ("lorenz96", 20)])
def test_guesses_put_the_cheap_methods_first(system, cycles):
    config = Config(system=system, methods=("spectral", "dps", "letkf", "climatology"),
                    cycles=cycles, members=4)
    order = cheapest_first(Experiment.of(config))
    assert order == ("climatology", "letkf", "spectral", "dps")


def test_more_of_everything_is_expected_to_take_longer():
    def expected(**changes):
        config = RING.replace(methods=("spectral", "var4d"), **changes)
        return [RunTimes().expected(Experiment.of(config), m) for m in ("spectral", "var4d")]

    less = expected()
    more = {"members": 3000}, {"steps": 400}, {"cycles": 90}
    for changes in more:
        assert max(a / b for a, b in zip(expected(**changes), less, strict=True)) > 3, changes


def test_what_was_measured_decides():
    made = Experiment.of(RING)
    run_times().add(made, "letkf", 500.0)
    assert cheapest_first(made) == ("climatology", "spectral", "letkf")
    assert run_times().expected(made, "letkf") == pytest.approx(500.0)
    longer = Experiment.of(RING.replace(methods=("letkf:inflation=1.1",), window=18))
    assert run_times().expected(longer, "letkf") == pytest.approx(1000.0, rel=0.01)


def test_a_machine_that_is_slow_is_slow_for_all_methods():
    made, known = Experiment.of(RING), RunTimes()
    before = known.expected(made, "spectral")
    known.add(made, "letkf", 1e4 * known.expected(made, "letkf"))
    assert known.expected(made, "spectral") > 20 * before
    small = RunTimes()
    small.add(made, "climatology", 10 * small.expected(made, "climatology"))
    assert small.expected(made, "spectral") < 1.1 * before, "milliseconds say little"


def test_the_order_changes_no_number_and_no_result(monkeypatch):
    config = RING.replace(methods=("spectral", "letkf", "climatology", "letkf:inflation=1.1"))
    found = []
    for order in (tuple(config.labels), tuple(reversed(config.labels))):
        monkeypatch.setattr("dalab.experiments.execution.cheapest_first", lambda made, o=order: o)
        found += [execute(config), execute(config.replace(cycles=5))]
    for forward, backward in (found[::2], found[1::2]):
        for result in (forward, backward):
            result["metrics"].dataset = result["metrics"].to_dataset().drop_vars("seconds")
            result.attrs.pop("history")  # when it was made
        assert forward.identical(backward)
        assert list(forward["estimates"].children) == list(config.labels)
        assert forward["metrics/method"].values.tolist() == list(config.labels)


def test_a_run_is_measured_and_the_next_one_knows(monkeypatch):
    measured, add = {}, RunTimes.add
    monkeypatch.setattr(RunTimes, "add", lambda times, made, label, seconds: (
        measured.update({label: seconds}), add(times, made, label, seconds)))
    made, times = Experiment.of(RING), run_times()
    guessed = times.expected(made, "spectral")
    tree = execute(RING)
    taken = float(tree["metrics/seconds"].sel({"method": "spectral"}))
    assert taken <= measured["spectral"]
    assert times.expected(made, "spectral") == pytest.approx(measured["spectral"])
    assert times.expected(made, "spectral") != guessed


def test_a_stopped_method_is_not_measured():
    made = Execution(RING.replace(methods=("spectral",)))
    frames = made.frames()
    next(frames)
    made.end()
    frames.close()
    assert run_times().expected(made.experiment, "spectral") == RunTimes().expected(
        made.experiment, "spectral")


# --- the file -------------------------------------------------------------------------------------


def test_run_times_are_kept_and_added_to_those_of_other_processes(tmp_path):
    path = tmp_path / "cache" / "times.json"
    made = Experiment.of(RING)
    one, other = RunTimes(path), RunTimes(path)
    one.add(made, "letkf", 7.0)
    other.add(made, "spectral", 9.0)
    again = RunTimes(path)
    assert [again.expected(made, m) for m in ("letkf", "spectral")] == pytest.approx([7.0, 9.0])
    assert os.listdir(path.parent) == [path.name], "nothing temporary is left"


def test_a_file_is_bounded_and_written_only_if_there_is_news(tmp_path, monkeypatch):
    path, made = tmp_path / "times.json", Experiment.of(RING)
    monkeypatch.setattr(measured, "MOST", 3)
    known = RunTimes(path)
    for members in (3, 30, 300, 3000, 30000):
        known.add(Experiment.of(RING.replace(members=members, methods="spectral")), "spectral", 1.0)
    assert len(json.loads(path.read_text())["measured"]) == 3
    known.add(made, "letkf", 1.0)
    path.unlink()
    known.add(made, "letkf", 1.05)
    assert not path.exists(), "no news"


@pytest.mark.parametrize("content", [
    "", "{", "[]", "{}", '{"format": "dalab-run-times-1", "measured": [{"case": 3}]}',
    '{"format": "dalab-run-times-1", "measured": 7}', "[" * 100_000, "\x00\xff",
    '{"format": "dalab-run-times-1", "measured": [{"case": {"method": [], "system": {}, '
    '"prior": 1, "device": 1, "kind": 1}, "text": 1, "guess": 1, "factor": 1, "when": 1}]}',
])
def test_a_broken_file_is_ignored_and_replaced(tmp_path, content):
    path, made = tmp_path / "times.json", Experiment.of(RING)
    path.write_text(content)
    known = RunTimes(path)
    assert known.expected(made, "letkf") == RunTimes().expected(made, "letkf")
    known.add(made, "letkf", 7.0)
    assert RunTimes(path).expected(made, "letkf") == pytest.approx(7.0)


def test_numbers_that_cannot_be_are_left_out(tmp_path):
    path, made = tmp_path / "times.json", Experiment.of(RING)
    RunTimes(path).add(made, "letkf", 7.0)
    content = json.loads(path.read_text())
    for factor in (0.0, -1.0, float("nan"), float("inf")):
        content["measured"][0]["factor"] = factor
        path.write_text(json.dumps(content))
        assert RunTimes(path).expected(made, "letkf") == RunTimes().expected(made, "letkf")


def test_a_place_that_cannot_be_written_costs_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    known, made = RunTimes(tmp_path / "file" / "times.json"), Experiment.of(RING)
    known.add(made, "letkf", 7.0)
    assert known.expected(made, "letkf") == pytest.approx(7.0)


def test_the_folder_is_that_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("DALAB_CACHE", "")
    assert cache_folder() is None
    monkeypatch.setenv("DALAB_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("DALAB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "dalab"


# --- the time left --------------------------------------------------------------------------------


def step(done: int, total: int = 10) -> Step:
    return Step(None, done, total)


def test_the_time_left_is_that_of_all_methods_from_the_beginning(now):
    clock = Clock(("a", "b"), {"a": 10.0, "b": 90.0}.__getitem__)
    assert clock.progress().remaining == pytest.approx(100.0) and clock.progress().fraction == 0
    clock.begin("a")
    now.now += 5
    assert clock.take(step(5)).remaining == pytest.approx(95.0)
    now.now += 2
    assert clock.progress().remaining == pytest.approx(93.0), "it goes on between steps"
    assert clock.progress().fraction == pytest.approx(0.07)
    now.now += 3
    clock.take(step(10))
    clock.begin("b")
    assert clock.progress().remaining == pytest.approx(90.0)
    now.now += 90
    last = clock.take(step(10))
    assert (last.remaining, last.fraction) == (0.0, 1.0)


@pytest.mark.parametrize("real", [1.0, 4.0, 1000.0])
def test_a_method_goes_over_to_its_own_pace(now, real):
    clock = Clock(("a",), lambda label: 30.0)
    clock.begin("a")
    for done in range(1, 11):
        now.now += real / 10
        left = clock.take(step(done)).remaining
        if done == 2:
            assert real / 3 < left < real + 4
        if done >= 5:
            assert left == pytest.approx(real * (1 - done / 10), rel=0.35, abs=1)


def test_an_estimate_that_was_too_short_never_says_that_it_is_over(now):
    clock = Clock(("a", "b"), lambda label: 1.0)
    clock.begin("a")
    fractions = []
    for _ in range(50):
        now.now += 1
        progress = clock.progress()
        fractions.append(progress.fraction)
        assert progress.remaining >= 1.0
    assert fractions == sorted(fractions) and fractions[-1] < 1
    assert clock.progress().remaining == pytest.approx(1.0 + 0.2 * 50)


def test_a_method_goes_on_at_its_own_pace_from_where_an_earlier_run_stopped(now):
    clock = Clock(("a",), lambda label: 100.0, lambda label: 0.8)
    assert clock.progress().remaining == pytest.approx(20.0)
    clock.begin("a")
    assert clock.progress().fraction == pytest.approx(0.8)
    now.now += 40
    assert clock.take(step(9)).remaining == pytest.approx(40.0, rel=0.1)


def test_preparations_that_take_long_are_not_taken_for_nothing(now):
    clock = Clock(("a",), lambda label: 10.0)
    now.now += 500
    assert clock.progress().remaining == pytest.approx(10.0), "it waits in a line"
    clock.start()
    now.now += 100
    assert clock.progress().remaining == pytest.approx(10.0 + 0.2 * 100)
    clock.begin("a")
    assert clock.progress().remaining == pytest.approx(10.0)


def test_progress_stays_when_a_run_has_ended(now):
    clock = Clock(("a",), lambda label: 10.0)
    clock.begin("a")
    now.now += 3
    clock.stop()
    before = clock.progress()
    now.now += 100
    assert clock.progress() == before and before.fraction == pytest.approx(0.3)


def test_progress_can_be_read_from_any_thread():
    made, seen, over = Execution(RING), [], threading.Event()

    def read() -> None:
        while not over.wait(0.001):
            seen.append(made.progress.fraction)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in made.frames():
        pass
    over.set()
    reader.join()
    assert seen == sorted(seen) and made.progress.fraction == 1.0
