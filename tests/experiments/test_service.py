"""Runs that share a device: one after the other, fairly, and none touches another."""

from __future__ import annotations

import threading

import pytest

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.run import Run, execute
from dalab.experiments.service.limits import Limits
from dalab.experiments.service.service import Service, share, shared

from .stubs import Waiting, stubs  # noqa: F401
from .test_run import until, waited

SMALL = Config(
    system="lorenz96", operators=("identity",), masks=("full",), methods=("stub",), members=2,
    device="cpu",
)
GATED = SMALL.replace(methods=("waiting",))
pytestmark = pytest.mark.usefixtures("stubs")


def test_one_at_a_time_in_turns():
    service, order = Service(), []

    def begin(owner: str, config: Config = SMALL) -> Run:
        run = Run(config, service=service, owner=owner,
                  on_frame=lambda frame: order.append(owner) if frame.step.done == 1 else None)
        return run.start()

    first = begin("first", GATED)
    until(lambda: order == ["first"])
    rest = [begin(owner) for owner in ("a", "a", "b", "c")]
    assert [run.state for run in rest] == ["waiting"] * 4
    assert [run.queue_position.ahead for run in rest] == [0, 3, 1, 2]
    assert first.queue_position is None
    assert rest[0].progress.elapsed == 0 and rest[0].twin is None
    Waiting.gate.set()
    assert [waited(run).state for run in rest] == ["done"] * 4
    assert order == ["first", "a", "b", "c", "a"]


def test_cancel_while_waiting_gives_the_place_away():
    service = Service()
    first, second, third = (Run(GATED, service=service, owner=o).start() for o in "abc")
    second.cancel()
    assert second.state == "cancelled" and second.join(30), "its thread ends without a turn"
    assert second.result.attrs["status"] == "cancelled" and third.queue_position.ahead == 0
    Waiting.gate.set()
    assert waited(third).state == waited(first).state == "done"


def test_a_cancelled_run_keeps_its_turn_until_its_thread_is_through():
    service = Service()
    first, second = (Run(GATED, service=service, owner=o).start() for o in "ab")
    until(lambda: first.scores["waiting"].network_evaluations == 1)
    first.cancel()
    assert first.state == "cancelled" and first.queue_position is None and second.state == "waiting"
    Waiting.gate.set()
    assert waited(second).state == "done"


def test_an_error_stays_in_its_run(tmp_path):
    service = Service()
    (tmp_path / "truth.nc").write_text("not NetCDF")
    bad = Run(SMALL.replace(truth=str(tmp_path / "truth.nc")), service=service, owner="a").start()
    broken = Run(SMALL.replace(methods=("broken",)), service=service, owner="b").start()
    good = Run(SMALL, service=service, owner="c").start()
    assert [waited(run).state for run in (bad, broken, good)] == ["failed", "failed", "done"]


def test_results_are_those_of_solo_runs():
    service = Service(concurrency=2)
    configs = [SMALL.replace(seed=seed, methods=("stub", "etkf")) for seed in (0, 1, 0)]
    runs = [Run(config, service=service, owner=str(i)).start() for i, config in enumerate(configs)]
    for config, run in zip(configs, runs, strict=True):
        expected = execute(config)
        for name in ("truth", "estimates/stub", "estimates/etkf"):
            found = waited(run).result[name].to_dataset()
            assert found.identical(expected[name].to_dataset()), name


def test_too_large_a_run_is_refused_before_any_thread_starts():
    service, threads = Service(Limits(size=100)), threading.active_count()
    run = Run(SMALL, service=service)
    with pytest.raises(InputError, match="must be at most 100 here"):
        run.start()
    assert run.state == "idle" and threading.active_count() == threads


def test_too_many_runs_are_refused():
    service = Service(Limits(runs=2, waiting=2))
    for owner in "aab":
        Run(GATED, service=service, owner=owner).start()
    with pytest.raises(InputError, match="runs of this session = 2"):
        Run(GATED, service=service, owner="a").start()
    with pytest.raises(InputError, match="runs in line = 2"):
        Run(GATED, service=service, owner="c").start()


def test_too_long_a_run_ends_with_what_it_has():
    service = Service(Limits(seconds=1e-9))
    run = waited(Run(SMALL.replace(methods=("stub:steps=50",)), service=service).start())
    assert run.state == "cancelled" and "seconds of a run" in run.error
    assert run.scores["stub"].network_evaluations == 1 and "stub" in run.result["estimates"]


def test_without_a_service_nobody_waits():
    first, second = Run(GATED).start(), Run(SMALL).start()
    assert waited(second).state == "done" and first.state != "waiting"


def test_one_line_per_device_and_one_service_per_process():
    service = Service()
    assert service.queue("cpu") is service.queue("cpu") and shared() is shared()
    before = shared()
    share(service)
    assert shared() is service
    share(before)
