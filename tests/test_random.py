"""Named streams: reproducible, independent, untouched by ensemble size."""

from __future__ import annotations

import torch

from dalab.random import MemberStreams, stream


def test_streams_depend_on_seed_and_every_label():
    draws = [torch.randn(3, generator=stream(*key)) for key in ((0,), (1,), (0, "a"), (0, "a", 1))]
    assert all(not torch.equal(a, b) for i, a in enumerate(draws) for b in draws[i + 1 :])
    assert torch.equal(draws[2], torch.randn(3, generator=stream(0, "a")))


def test_a_member_draws_the_same_whatever_the_ensemble():
    few, many = MemberStreams(5, 2), MemberStreams(5, 7)
    assert torch.equal(few.normal((4,)), many.normal((4,))[:2])
    assert torch.equal(few.normal((4,)), many.normal((4,))[:2])
    assert not torch.equal(many.normal((4,))[0], many.normal((4,))[1])


def test_scaled_streams_draw_the_same_numbers_times_a_factor():
    plain, scaled = MemberStreams(5, 2), MemberStreams(5, 2).scaled(0.5).scaled(0.5)
    assert torch.equal(scaled.normal((4,)), plain.normal((4,)) / 4)
    assert torch.equal(plain.scaled(0.5).normal((4,)), scaled.normal((4,)) * 2)
