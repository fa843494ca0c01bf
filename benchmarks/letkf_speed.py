"""Seconds of one LETKF analysis on 2 x 64 x 64, 40 members, a quarter of the cells observed.

Bar: 2 s on 2 cores. Prints the best of three repeats.

    python benchmarks/letkf_speed.py [THREADS]
"""

from __future__ import annotations

import sys
import time

import torch

from dalab.methods.ensemble.letkf import LETKF
from dalab.observations import MASKS, OPERATORS, network
from dalab.random import MemberStreams, stream
from dalab.systems import SYSTEMS

MEMBERS, BAR = 40, 2.0


def main(threads: int = 2) -> None:
    torch.set_num_threads(threads)
    system = SYSTEMS["qg64"]()
    cells = MASKS["random"](ratio=0.25).cells(1, (64, 64), stream(0, "mask"))
    net = network(OPERATORS["arctan"](system), mask=cells).realise()
    streams = MemberStreams(0, MEMBERS)
    ensemble = streams.normal(system.shape)
    data = net.observe(ensemble[:1].roll(1, -1), lambda i: stream(0, "noise", i))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        LETKF().analysis(ensemble, net, data, streams)
        seconds.append(time.perf_counter() - start)
    print(f"LETKF: {min(seconds):.2f} s on {threads} threads (bar {BAR} s)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
