"""The path regime on drifting tracers in cycled experiments, beside a filter written out here."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dalab.experiments.config import Config
from dalab.experiments.cycles.driver import Driver
from dalab.experiments.cycles.twin import CycledTwin
from dalab.experiments.experiment import Experiment
from dalab.methods.generative.omega.method import Omega

COUNT, K, SIGMA, DAMPING, DT = 4, 2, 0.1, 0.5, 0.02


def analyses(members):
    """Observed coordinates and analysed means of two repeats, ``(cycles, repeats, values)``."""
    experiment = Experiment.of(Config(
        system=f"tracers:count={COUNT},K={K}", operators=["resolved"], masks=["full"], noise=1e-6,
        methods=["omega:regime=path"], cycles=40, burn_in=1, repeats=2, seed=3,
    ))
    twin = CycledTwin(experiment)
    driver = Driver(twin, Omega(regime="path"), "omega", members)
    system, found = twin.system, []
    for cycle in driver.cycles():
        mean = system.physical(cycle.mean).squeeze((-2, -1))
        found.append((cycle.moment.data.numpy() * math.pi / math.sqrt(3) + math.pi, mean.numpy()))
    seen, means = (np.stack(part) for part in zip(*found, strict=True))
    return seen, means


def amplitudes_and_waves():
    """Standard deviations of real parts, and the wavenumbers, of one mode of every pair."""
    half = [(k, l) for k in range(K + 1) for l in range(-K, K + 1)
            if (k > 0 or l > 0) and 0 < k * k + l * l <= K * K]
    half.sort(key=lambda wave: wave[0] ** 2 + wave[1] ** 2)
    waves = np.array(half, float)
    variance = (waves**2).sum(1) ** -1.5
    return np.sqrt(variance / variance.sum()), waves


def kalman(path):
    """Means of the modes given a path ``(times, 2 COUNT)``: update by increments, then forecast."""
    amplitudes, waves = amplitudes_and_waves()
    A = np.repeat(amplitudes, 2)
    mean, cov, decay = np.zeros(len(A)), np.diag(A**2), math.exp(-DAMPING * DT)
    across = np.stack([-waves[:, 1], waves[:, 0]]) / np.hypot(*waves.T)
    means = [mean]
    for before, after in zip(path[:-1], path[1:], strict=True):
        angle = before.reshape(COUNT, 2) @ waves.T  # (tracer, mode)
        parts = np.stack([np.cos(angle), -np.sin(angle)], -1)[:, None] * across[..., None]
        H = DT * parts.reshape(2 * COUNT, -1)
        S = H @ cov @ H.T + SIGMA**2 * DT * np.eye(2 * COUNT)
        gain = cov @ H.T @ np.linalg.inv(S)
        mean = decay * (mean + gain @ (after - before - H @ mean))
        cov = decay**2 * (cov - gain @ H @ cov) + (1 - decay**2) * np.diag(A**2)
        means.append(mean)
    return np.stack(means)


@pytest.mark.parametrize("members", [3, 100])
def test_analyses_are_those_of_the_exact_filter_whatever_the_members(members):
    seen, means = analyses(members)
    for repeat in range(2):
        expected = kalman(seen[:, repeat])
        assert abs(means[:, repeat, : 2 * COUNT] - seen[:, repeat]).max() < 1e-8
        assert abs(means[:, repeat, 2 * COUNT :] - expected).max() < 1e-8
        assert abs(expected[-1]).max() > 0.1
