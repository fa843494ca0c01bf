"""Every mask: shape and reproducibility; the published counts of the known ones."""

from __future__ import annotations

import base64
import math
import re
import zlib

import pytest
import torch

from dalab.errors import InputError
from dalab.observations import MASKS
from dalab.observations.cells import encode
from dalab.observations.masks import Painted
from dalab.observations.network import schedule
from dalab.options import build, describe
from dalab.random import stream


@pytest.mark.parametrize("name", sorted(MASKS))
def test_every_mask_is_boolean_reproducible_and_documented(name):
    mask = MASKS[name]()
    cells = mask.cells(5, (16, 16), stream(3))
    assert cells.shape == (5, 16, 16) and cells.dtype == torch.bool
    assert torch.equal(cells, mask.cells(5, (16, 16), stream(3)))
    assert len(type(mask).__doc__) > 20


def count(text: str, n: int = 256) -> int:
    return int(build("mask", text, MASKS).cells(1, (n, n), stream(0)).sum())


@pytest.mark.parametrize(
    "text, cells",
    [
        ("random:1.0", 65536), ("random:0.25", 16384), ("random:0.0625", 4096),
        ("random:0.01", 655), ("stride:2", 16384), ("stride:4", 4096), ("stride:10", 676),
        ("stride:1", 65536), ("full", 65536),
    ],
)  # fmt: skip
def test_published_counts(text, cells):
    assert count(text) == cells


@pytest.mark.parametrize("interval, observed", [(1, 9), (2, 5), (4, 3), (8, 2)])
def test_published_intervals(interval, observed):
    seen = schedule(torch.ones(9, 4, 4, dtype=torch.bool), interval).flatten(1).any(1)
    assert seen.sum() == observed and seen[0]


@pytest.mark.parametrize("interval", [0, -1, 9, 20])
def test_interval_out_of_the_window_is_refused(interval):
    with pytest.raises(InputError, match=f"interval = {interval}: .*window of 9 steps.*Use 1"):
        schedule(torch.ones(9, 4, 4, dtype=torch.bool), interval)


def test_random_cells_stay_in_place_and_change_with_the_seed():
    mask = build("mask", "random:0.1", MASKS)
    cells = mask.cells(9, (64, 64), stream(0))
    assert all(torch.equal(cells[0], c) for c in cells)
    assert not torch.equal(cells, mask.cells(9, (64, 64), stream(1)))


def test_gap_removes_a_block_of_the_given_size():
    cells = build("mask", "gap:size=0.5", MASKS).cells(2, (64, 64), stream(0))
    assert int((~cells[0]).sum()) == 32 * 32
    assert not cells[0, 32, 32] and cells[0, 2, 2]


@pytest.mark.parametrize("n, stride, cells", [(128, 10, 169), (256, 15, 324), (512, 20, 676)])
def test_the_masks_of_kolmogorov_flow(n, stride, cells):
    """The grid of the paper (MASF) is a stride, its hole in the centre is the gap as it is."""
    assert count(f"stride:{stride}", n) == cells
    assert count("gap", n) == 0.75 * n**2
    hole = ~build("mask", "gap", MASKS).cells(1, (n, n), stream(0))[0]
    assert hole[n // 4 : 3 * n // 4, n // 4 : 3 * n // 4].all()


def test_tracks_move_and_have_their_width():
    cells = build("mask", "tracks:count=2,width=0.125", MASKS).cells(6, (64, 64), stream(0))
    assert cells.float().mean() == pytest.approx(0.25, abs=0.03)
    assert not torch.equal(cells[0], cells[1])
    assert (cells[0] ^ cells[1]).sum() > 100


def test_drifters_wander_at_their_speed():
    cells = build("mask", "drifters:count=1,speed=0.5", MASKS).cells(4000, (64, 64), stream(0))
    assert cells.flatten(1).sum(1).eq(1).all()
    path = cells.flatten(1).long().argmax(1)
    row, column = path // 64, path % 64
    moved = torch.stack([row.diff(), column.diff()]).add(32).remainder(64).sub(32).double()
    assert moved.abs().max() <= 3 and moved.mean().abs() < 0.1
    # the way of 20 steps is that of an autoregression with a memory of 5, rounded to cells
    lag, kept = 20, math.exp(-1 / 5)
    expected = 0.25 * sum((lag - abs(k)) * kept ** abs(k) for k in range(1 - lag, lag)) + 1 / 6
    ways = moved.cumsum(1)[:, lag:] - moved.cumsum(1)[:, :-lag]
    assert ways.square().mean() == pytest.approx(expected, rel=0.15)


def test_many_drifters_are_everywhere_and_stay_so():
    cells = build("mask", "drifters:count=4096", MASKS).cells(30, (64, 64), stream(0))
    share = cells.double().mean((-2, -1))
    torch.testing.assert_close(share, torch.full_like(share, 1 - math.exp(-1)), rtol=0.03, atol=0)


def test_points_are_where_they_were_put():
    cells = build("mask", "points:[(3, 5), (10, 7)]", MASKS).cells(2, (16, 16), stream(0))
    assert cells[0].nonzero().tolist() == [[3, 5], [10, 7]]


@pytest.mark.parametrize("sensor", ["(0.5, 3)", "(0, 3.0)", "(0, 3, 1)", "('a', 3)", "(True, 3)"])
def test_points_that_are_no_pairs_of_whole_numbers_are_refused(sensor):
    with pytest.raises(InputError, match="must be a row and a column, two whole numbers"):
        build("mask", f"points:[{sensor}]", MASKS).cells(1, (16, 16), stream(0))


def test_points_off_the_map_are_refused():
    with pytest.raises(InputError, match=r"sensor = \(16, 0\).*16 x 16.*Remove it"):
        build("mask", "points:[(16, 0)]", MASKS).cells(1, (16, 16), stream(0))


@pytest.mark.parametrize("text, seen", [
    ("full", 32), ("random:0.2", 6), ("stride:4", 8), ("gap:size=0.5", 16),
    ("gap:size=0.5,y=0", 16), ("points:[(0, 3), (0, 29)]", 2),
])  # fmt: skip
def test_masks_of_a_ring(text, seen):
    cells = build("mask", text, MASKS).cells(2, (1, 32), stream(0))
    assert cells.shape == (2, 1, 32) and int(cells[1].sum()) == seen


def test_masks_of_a_wide_grid():
    cells = {name: MASKS[name]().cells(3, (8, 20), stream(0)) for name in MASKS}
    assert all(c.shape == (3, 8, 20) for c in cells.values())
    assert int((~cells["gap"][0]).sum()) == 4 * 10 and int(cells["stride"][0].sum()) == 2 * 5


@pytest.mark.parametrize("text, grid", [
    ("tracks", (1, 30)), ("tracks", (1, 1)), ("gap", (1, 1)), ("random:0.25", (1, 1)),
    ("points:[(1, 0)]", (1, 30)), ("points:[(0, 1)]", (1, 1)),
])  # fmt: skip
def test_masks_that_do_not_fit_the_grid_are_refused(text, grid):
    with pytest.raises(InputError, match="must|needs"):
        build("mask", text, MASKS).cells(2, grid, stream(0))


@pytest.mark.parametrize("ratio", ["0", "1.5", "-0.2", "many"])
def test_bad_ratio_names_value_bound_and_remedy(ratio):
    with pytest.raises(InputError, match=rf"ratio = .*{ratio}.*above 0.* at most 1.*default"):
        build("mask", f"random:{ratio}", MASKS)


def test_unknown_mask_suggests_the_closest():
    with pytest.raises(InputError, match="rndom.*must be one of.*Did you mean 'random'"):
        build("mask", "rndom:0.5", MASKS)


def painting(days: int, ny: int, nx: int) -> torch.Tensor:
    return torch.rand(days, ny, nx, generator=stream(days * ny * nx)) < 0.3


@pytest.mark.parametrize("shape", [(1, 64, 64), (4, 8, 20), (4, 1, 40), (1, 1, 1), (4, 3, 3)])
def test_painted_cells_survive_their_text(shape):
    pattern = painting(*shape) if max(shape) > 1 else torch.ones(shape, dtype=torch.bool)
    text = encode(pattern)
    assert re.fullmatch(r"[A-Za-z0-9._-]+", text), "nothing that a link or a shell would change"
    mask = build("mask", f"painted:{text}", MASKS)
    assert mask.pattern == text and build("mask", describe(mask, MASKS), MASKS).pattern == text
    cells = mask.cells(4, shape[1:], stream(0))
    assert torch.equal(cells, pattern.expand(4, -1, -1))


def test_a_painting_that_does_not_change_is_written_once_and_an_empty_one_not_at_all():
    same = painting(1, 64, 64).expand(9, -1, -1)
    assert encode(same).startswith("1x64x64.") and encode(same) == encode(same[:1])
    assert encode(torch.zeros(9, 4, 4, dtype=torch.bool)) == ""


def test_paintings_are_short():
    tracks = build("mask", "tracks", MASKS).cells(9, (64, 64), stream(0))
    assert len(encode(tracks)) < 1500
    assert len(encode(painting(1, 64, 64))) < 750


@pytest.mark.parametrize("pattern, words", [
    ("64", "DAYSxNYxNX"), ("1x16x16.", "DAYSxNYxNX"), ("1x16x16.a b", "DAYSxNYxNX"),
    ("1x16x16.AAAA", "damaged"), ("1x16x16.A", "damaged"),
    (encode(painting(1, 8, 8)), "8 x 8 cells, the grid has 16 x 16"),
    (encode(painting(4, 16, 16)), "for 4 days, the window has 5"),
    (encode(painting(1, 16, 16))[:-6], "damaged"),
    (encode(painting(1, 64, 64)).replace("1x64x64", "1x16x16"), "damaged"),
    ("1x16x16." + "A" * 300_000, "DAYSxNYxNX"),
])  # fmt: skip
def test_paintings_that_cannot_be_used_are_refused(pattern, words):
    with pytest.raises(InputError, match=f"{words}.*Paint it again") as caught:
        Painted(pattern=pattern).cells(5, (16, 16), stream(0))
    assert len(str(caught.value)) < 250


def test_a_small_text_makes_no_large_pattern():
    bomb = base64.urlsafe_b64encode(zlib.compress(bytes(50_000_000), 9)).decode().rstrip("=")
    with pytest.raises(InputError, match="damaged"):
        Painted(pattern=f"1x16x16.{bomb}").cells(5, (16, 16), stream(0))
