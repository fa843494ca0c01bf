"""Time of an analysis with a network that was trained once, and with networks trained every time.

    python benchmarks/masf.py

Three analyses of Kolmogorov flow with 20 members, on one core, in one run: `masf` with its bundled
network as it is and tuned to the forecasts for 120 epochs, and `masf` and `sf` whose networks are
trained for 200 epochs at every analysis, as is published for those without pre-training. The skill
of all of them is in `dalab table masf`.
"""

from __future__ import annotations

import torch

from dalab import Config, execute, table

FLOW = Config(
    system="kolmogorov", operators=["identity"], masks=["stride:5"], noise=0.1, interval=10,
    members=20, cycles=3, burn_in=1, seed=102,
)
NEW = "network=new,finetune=200"
TIMED = (
    "masf:score=network,finetune=0", "masf:score=network,finetune=120",
    f"masf:score=network,{NEW}", f"sf:score=network,{NEW}",
)


def main() -> None:
    torch.set_num_threads(1)
    seconds = []
    for text in TIMED:
        found = table(execute(FLOW.replace(methods=[f"{text},members=20"])))
        seconds.append(float(found["seconds"].iloc[0]) / 3)
        print(f"{text}: {seconds[-1]:.1f} s an analysis, {found['status'].iloc[0]}", flush=True)
    for text, spent in zip(TIMED, seconds, strict=True):
        print(f"sf that is retrained takes {seconds[-1] / spent:.1f} times as long as {text}")


if __name__ == "__main__":
    main()
