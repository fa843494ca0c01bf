"""CCDM: direct draws beside the published flow, ten thousand members, and distances on Lorenz-63.

    python benchmarks/ccdm.py [speed memory w2]

speed: seconds of an analysis of one variable by the samplers, one core, and the distance of their
samples, whose sampling error is in it. memory: seconds and peak memory of 10,000 members of three
variables. w2: Wasserstein distances, in the units of the equations, of filters with 250 members
from a particle filter with 20,000, on the two problems whose posterior has two modes, in cycles 21
to 100 of four truths.
"""

from __future__ import annotations

import resource
import sys
import time

import torch

from dalab import Config, execute
from dalab.experiments.tables.rows import published_rows
from dalab.methods import METHODS
from dalab.random import TimeStreams, stream

SAMPLERS = ("direct", "ode", "sde")
REFERENCE = "pf:members=20000,threshold=1.0,jitter=0"


def sampled(text: str, members: int, variables: int) -> tuple[torch.Tensor, float]:
    """Samples of two humps, ``(members, variables)``, and the seconds that they took."""
    source = stream(0)
    sides = 4 * torch.randint(2, (members, 1), generator=source) - 2
    x = sides + torch.randn(members, variables, generator=source, dtype=torch.float64)
    log = -(x[:, 0] - 1).square() / 8
    method = METHODS.make(f"ccdm:sampler={text},stratified=True")
    streams = TimeStreams(stream(1), members, dtype=torch.float64)
    begun = time.perf_counter()
    with torch.no_grad():
        found = method._samples(x.reshape(-1, variables, 1, 1), log, streams)
    return found.flatten(1), time.perf_counter() - begun


def speed() -> None:
    """Print seconds and the distance of the samples from direct ones, in spreads."""
    sampled("direct", 250, 1)  # the first call takes longer
    for members in (250, 1000):
        drawn, seconds = zip(*(sampled(text, members, 1) for text in SAMPLERS), strict=True)
        first = [x[:, 0].sort().values for x in drawn]
        for text, x, spent in zip(SAMPLERS, first, seconds, strict=True):
            apart = float((x - first[0]).abs().mean() / first[0].std())
            print(f"{members} members, {text}: {spent:.4f} s, {spent / seconds[0]:.0f} times "
                  f"direct, W1 from it {apart:.4f} spreads", flush=True)


def memory() -> None:
    """Print seconds and the growth of the peak memory."""
    for text in ("direct", "sde,steps=10"):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        _, seconds = sampled(text, 10_000, 3)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(f"10000 members, {text}: {seconds:.2f} s, {grown:.0f} MiB more", flush=True)


def w2() -> None:
    """Print distances from the reference, setting by setting, of the methods of the table."""
    rows = published_rows("ccdm")
    for setting in ("lorenz63-z", "random-walk"):
        texts = tuple(row.config.methods[0] for row in rows if row.setting == setting)
        config: Config = next(row.config for row in rows if row.setting == setting)
        tree = execute(config.replace(methods=texts, reference=REFERENCE, repeats=4))
        metrics = tree["metrics"].to_dataset()
        labels = metrics["method"].values.tolist()
        for label, text in zip(labels, (REFERENCE, *texts), strict=True):
            one = metrics.sel(method=label)
            print(f"{setting} {text}: W2 {float(one['w2']):.3f} +- {float(one['w2_err']):.3f}, "
                  f"RMSE {float(one['rmse_units']):.3f} +- {float(one['rmse_units_err']):.3f}, "
                  f"CRPS {float(one['crps']):.3f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for part in sys.argv[1:] or ["speed", "memory", "w2"]:
        {"speed": speed, "memory": memory, "w2": w2}[part]()
