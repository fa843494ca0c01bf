"""Moments of a run: evenly spread, bounded, and faithful."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dalab.experiments import replay
from dalab.experiments.progress import Frame, Progress
from dalab.experiments.replay import MAX_FRAMES, Replay
from dalab.methods import Step

SHAPE = (6, 3, 1, 4, 4)


def frame(done: int, total: int) -> Frame:
    """Members 0 to 5, all of them equal to ``done`` plus their number."""
    numbers = torch.arange(6.0).view(6, 1, 1, 1, 1)
    step = Step((numbers + done).expand(SHAPE).clone(), done, total, note=f"step {done}")
    rmse = np.full(3, 1.0 / done)
    return Frame("stub", step, rmse, rmse, Progress(), spread=2 * rmse)


def replay_of(steps: int, most: int = replay.BYTES) -> Replay:
    kept = Replay(most)
    for done in range(1, steps + 1):
        kept.add(frame(done, steps))
    return kept


def fractions(kept: Replay) -> list[float]:
    found = [kept.at(i / 5000).fraction for i in range(5001)]
    return sorted(set(found))


def test_a_short_run_is_kept_whole():
    assert fractions(replay_of(30)) == pytest.approx([done / 30 for done in range(1, 31)])


@pytest.mark.parametrize("steps", [41, 200, 999])
def test_a_long_run_is_thinned_evenly(steps):
    kept = replay_of(steps)
    assert MAX_FRAMES / 2 <= len(kept) <= MAX_FRAMES
    gaps = np.diff(fractions(kept))
    assert gaps.max() == pytest.approx(gaps.min())


def test_memory_is_bounded():
    size = 2 * (1 + replay.MEMBERS) * 3 * 16
    kept = replay_of(500, most=10 * size)
    assert 5 <= len(kept) <= 10 and kept.nbytes <= 10 * size


def test_a_moment_holds_what_there_was():
    kept = replay_of(10)
    found = kept.at(0.55)
    assert (found.fraction, found.note) == (0.5, "step 5")
    assert found.mean.shape == (1, *SHAPE[1:]) and (found.mean == 7.5).all()
    assert found.members[:, 0, 0, 0, 0].tolist() == [5, 6, 7, 8]
    assert found.rmse == pytest.approx([0.2] * 3) and found.spread == pytest.approx([0.4] * 3)
    assert kept.at(0.0).note == "step 1" and kept.at(1.0).note == "step 10"


def test_before_the_first_step_there_is_nothing():
    assert Replay().at(0.5) is None and Replay().nbytes == 0
