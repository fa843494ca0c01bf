"""Named, independent random streams.

Every random choice of an experiment (truth, mask, noise, background, each member of each method)
draws from its own stream, derived from the seed and a label. Nothing reads global random state, so
runs in parallel threads cannot disturb each other, and a member's numbers do not depend on how
many members there are.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor


def stream(seed: int, *labels: object) -> torch.Generator:
    """Generator on the CPU for the choice named by ``labels`` under ``seed``."""
    key = "/".join(str(part) for part in (seed, *labels))
    digest = hashlib.sha256(key.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class MemberStreams:
    """One stream for each member of an ensemble.

    Numbers are drawn on the CPU and then moved, so that they are the same on every device.

    Args:
        seed: seed of the run.
        members: number of members.
        device: where the numbers are wanted.
        dtype: their floating-point type.
    """

    def __init__(
        self,
        seed: int,
        members: int,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.generators = [stream(seed, "member", index) for index in range(members)]
        self.device, self.dtype = torch.device(device), dtype
        self.std = 1.0

    def scaled(self, std: float) -> MemberStreams:
        """The same streams, whose normal numbers have another standard deviation."""
        scaled = copy.copy(self)
        scaled.std = std * self.std
        return scaled

    def branches(self, count: int) -> list[Self]:
        """Independent streams of the same members, which go on from here one beside the other."""
        seeds = [torch.randint(2**63 - 1, (count,), generator=g).tolist() for g in self.generators]
        branches = [copy.copy(self) for _ in range(count)]
        for branch, own in zip(branches, zip(*seeds, strict=True), strict=True):
            branch.generators = [torch.Generator().manual_seed(seed) for seed in own]
        return branches

    def __len__(self) -> int:
        return len(self.generators)

    def normal(self, shape: Sequence[int]) -> Tensor:
        """Standard normal numbers, or scaled ones, ``(members, *shape)``."""
        draws = [torch.randn(tuple(shape), generator=g) for g in self.generators]
        return self.std * torch.stack(draws).to(device=self.device, dtype=self.dtype)


class TimeStreams(MemberStreams):
    """Randomness of an ensemble at one time of a cycled run, from one generator for all members.

    A cycle draws from a generator of its own, so that a run that goes on from a checkpoint needs no
    more than the number of the cycle. Numbers of a member depend on how many members there are.

    Args:
        generator: source of all numbers.
        members: number of members.
        device: where the numbers are wanted.
        dtype: their floating-point type.
    """

    def __init__(
        self, generator: torch.Generator, members: int, device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.generators, self.members = [generator], members
        self.device, self.dtype = torch.device(device), dtype
        self.std = 1.0

    def __len__(self) -> int:
        return self.members

    def normal(self, shape: Sequence[int]) -> Tensor:
        """Standard normal numbers, or scaled ones, ``(members, *shape)``."""
        size = (self.members, *shape)
        drawn = torch.randn(size, generator=self.generators[0], dtype=self.dtype)
        return (drawn if self.std == 1 else self.std * drawn).to(self.device)
