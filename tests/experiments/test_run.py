"""Runs: progress, cancel, partial results, failures, and numbers that nothing disturbs."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from dalab.errors import InputError
from dalab.experiments.execution import Execution
from dalab.experiments.run import Run, execute
from dalab.metrics.table import table

from .stubs import QUICK, Waiting, stubs  # noqa: F401

STUB = QUICK.replace(methods=("stub",), steps=4)


def waited(run: Run) -> Run:
    assert run.wait(60) and run.join(60)
    return run


def until(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def test_bad_input_is_refused_before_any_thread_starts():
    threads = threading.active_count()
    with pytest.raises(InputError, match="members = 0"):
        Run(QUICK.replace(members=0))
    assert threading.active_count() == threads


@pytest.mark.slow
def test_runs_every_method_and_shows_every_step(stubs):  # noqa: F811
    frames = []
    run = waited(Run(STUB.replace(methods=("stub", "sda", "stub:steps=2")), on_frame=frames.append)
                 .start())
    assert (run.state, run.error) == ("done", None)
    assert [f.method for f in frames] == ["stub"] * 4 + ["stub-2"] * 2 + ["sda"] * 4
    fractions = [f.progress.fraction for f in frames]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert frames[4].progress.method_index == 1 and frames[4].progress.methods == 3
    assert all(f.progress.remaining >= 0 for f in frames) and frames[-1].progress.remaining < 0.01
    assert run.result.attrs["status"] == "complete"
    assert list(run.scores) == ["stub", "sda", "stub-2"]
    assert all(s.status == "complete" and s.crps > 0 for s in run.scores.values())


def test_frames_and_result_agree(stubs):  # noqa: F811
    frames = []
    run = waited(Run(STUB, on_frame=frames.append).start())
    metrics = run.result["metrics"].to_dataset().sel({"method": "stub"})
    np.testing.assert_allclose(frames[-1].rmse, metrics["rmse_steps"], rtol=1e-6)
    np.testing.assert_allclose(frames[-1].rmse_sample, metrics["rmse_sample_steps"], rtol=1e-6)
    np.testing.assert_array_equal(frames[-1].step.estimate, run.result["estimates/stub/pv"])
    assert run.scores["stub"].rmse_mean == pytest.approx(frames[-1].rmse.mean())
    assert math.isnan(run.scores["stub"].peak_memory_mb), "on the CPU it cannot be told"


def test_the_latest_frame_is_given_once(stubs):  # noqa: F811
    run = Run(STUB)
    assert run.latest() is None
    waited(run.start())
    assert run.latest().step.done == 4 and run.latest() is None


def test_states_follow_each_other(stubs):  # noqa: F811
    run = Run(STUB.replace(methods=("waiting",)))
    assert (run.state, run.twin) == ("idle", None)
    with pytest.raises(RuntimeError, match="wait"):
        run.result  # noqa: B018
    run.start()
    assert run.state in ("preparing", "running")
    with pytest.raises(RuntimeError, match="make a new Run"):
        run.start()
    until(lambda: run.scores["waiting"].network_evaluations == 1)
    assert run.state == "running" and run.twin.truth.shape == (9, 2, 64, 64)
    assert not run.wait(0.01) and run.progress.elapsed > 0
    assert run.scores["waiting"].status == "running" and run.scores["waiting"].rmse_mean > 0
    Waiting.gate.set()
    assert waited(run).state == "done"


def test_cancel_takes_effect_at_once_and_keeps_what_there_is(stubs):  # noqa: F811
    run = Run(STUB.replace(methods=("stub", "waiting", "sda"))).start()
    until(lambda: run.scores["waiting"].network_evaluations == 1)
    start = time.perf_counter()
    run.cancel()
    assert run.state == "cancelled" and run.wait(0)
    rows = table(run.result).set_index("method")
    assert time.perf_counter() - start < 1.0
    assert rows["status"].to_dict() == {
        "stub": "complete", "waiting": "cancelled", "sda": "cancelled"
    }
    assert rows["crps"]["waiting"] > 0 and np.isnan(rows["crps"]["sda"])
    assert set(run.result["estimates"].children) == {"stub", "waiting"}
    assert run.result["estimates/waiting"].attrs["status"] == "cancelled"
    Waiting.gate.set()
    assert run.join(30), "the thread ends by itself"
    assert run.scores["waiting"].network_evaluations == 1, "nothing is recorded afterwards"


def test_cancel_before_the_first_step_gives_an_empty_result(stubs, monkeypatch):  # noqa: F811
    gate = threading.Event()
    monkeypatch.setattr(
        "dalab.experiments.execution.prepare", lambda config: gate.wait(30) and 1 / 0
    )
    run = Run(STUB).start()
    assert run.state == "preparing"
    run.cancel()
    assert run.state == "cancelled" and run.result.attrs["status"] == "cancelled"
    assert "truth" not in run.result.children
    gate.set()
    assert run.join(30) and run.state == "cancelled" and run.error is None


def test_cancel_after_the_end_changes_nothing(stubs):  # noqa: F811
    run = waited(Run(STUB).start())
    run.cancel()
    assert run.state == "done"


@pytest.mark.parametrize(
    ("name", "status", "kept"),
    [
        ("diverging", "failed: diverged at step 3 of 4", 2),
        ("broken", "failed: the covariance is not positive definite", 1),
        ("hungry", "failed: out of memory with 2 members on cpu; use fewer members or a smaller "
                   "grid", 0),
    ],
)
def test_a_method_that_fails_takes_no_other_with_it(stubs, name, status, kept):  # noqa: F811
    run = waited(Run(STUB.replace(methods=("stub", name, "stub"))).start())
    assert run.state == "done" and run.result.attrs["status"] == "partial"
    assert [s.status for s in run.scores.values()] == ["complete", status, "complete"]
    assert run.scores[name].network_evaluations == kept
    assert (name in run.result["estimates"].children) == (kept > 0)
    if kept:
        assert np.isfinite(run.result[f"estimates/{name}/pv"]).all()


def test_a_run_in_which_every_method_fails_has_failed(stubs):  # noqa: F811
    run = waited(Run(STUB.replace(methods=("broken", "hungry"))).start())
    assert run.state == "failed" and "broken failed: the covariance" in run.error
    assert run.result.attrs["status"] == "failed"


def test_a_truth_that_cannot_be_had_fails_the_run(tmp_path):
    (tmp_path / "truth.nc").write_text("not NetCDF")
    run = waited(Run(QUICK.replace(truth=str(tmp_path / "truth.nc"))).start())
    assert run.state == "failed" and "truth file" in run.error
    with pytest.raises(InputError, match="truth file"):
        execute(run.config)


def test_an_interrupt_from_the_keyboard_leaves_a_partial_result(stubs):  # noqa: F811
    def interrupt(frame):
        if frame.method == "sda":
            raise KeyboardInterrupt

    tree = execute(STUB.replace(methods=("stub", "sda")), interrupt)
    assert tree.attrs["status"] == "cancelled"
    assert list(tree["metrics/status"].values) == ["complete", "cancelled"]


@pytest.mark.slow
def test_zero_observations_return_the_prior():
    blind = QUICK.replace(masks="points:[]", methods=("spectral", "oi"), members=4, steps=12)
    tree = execute(blind)
    assert list(tree["metrics/status"].values) == ["complete", "complete"]
    assert float(tree["estimates/spectral/pv"][:, 0].std()) == pytest.approx(1.0, rel=0.2)


@pytest.mark.slow
def test_runs_in_parallel_threads_give_the_same_numbers_as_alone():
    three = QUICK.replace(methods=("spectral", "sda", "etkf:members=4"))
    configs = [three.replace(seed=seed) for seed in (0, 1)]
    alone = [execute(config) for config in configs]
    torch.manual_seed(7)
    state = torch.random.get_rng_state()
    runs = [Run(config).start() for config in configs]
    for run, expected in zip(runs, alone, strict=True):
        for name, node in waited(run).result["estimates"].children.items():
            assert node.to_dataset().identical(expected[f"estimates/{name}"].to_dataset()), name
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_member_does_not_depend_on_how_many_there_are():
    # the Gaussian prior: a network in bfloat16 rounds differently in batches of other sizes
    few, many = (execute(QUICK.replace(members=m, prior="gaussian")) for m in (1, 3))
    np.testing.assert_allclose(
        few["estimates/sda/pv"][0], many["estimates/sda/pv"][0], rtol=1e-4, atol=1e-4
    )


def test_the_work_may_be_left_at_any_time(stubs):  # noqa: F811
    execution = Execution(STUB)
    frames = execution.frames()
    next(frames)
    frames.close()
    execution.end()
    assert execution.result().attrs["status"] == "cancelled"
    assert execution.scores["stub"].network_evaluations == 1


@pytest.mark.slow
def test_a_program_that_ends_during_a_run_ends_well():
    program = (
        "from dalab import Config, Run; import time\n"
        "run = Run(Config(methods='spectral', members=2)).start()\n"
        "while run.latest() is None: time.sleep(0.01)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
