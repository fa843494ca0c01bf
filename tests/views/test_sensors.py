"""Painting the observing system, without a browser."""

from __future__ import annotations

import shlex
from urllib.parse import parse_qs

import pytest
import torch
import yaml

from dalab import Config, execute
from dalab.experiments.config_file import load_config
from dalab.experiments.experiment import Experiment
from dalab.experiments.from_config import network_of
from dalab.systems import SYSTEMS
from dalab.views.model.config_text import command, query, read
from dalab.views.model.controls import Controls
from dalab.views.model.sensor_mask import TOOLS, UNDONE, Painting, box, brush, lasso, track
from dalab.views.render.result_figure import figure

PLANE = (8, 12)


def cells(region: torch.Tensor) -> set[tuple[int, int]]:
    return {(row, column) for row, column in region.nonzero().tolist()}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_click_paints_the_cell_under_it(tool):
    assert cells(TOOLS[tool](PLANE, [(3.4, 6.9)], 0.1)) == {(6, 3)}
    assert cells(TOOLS[tool](PLANE, [(-2.0, 99.0)], 0.1)) == {(7, 0)}, "or the nearest"


def test_a_brush_follows_the_path_with_its_width():
    path = [(1.5, 1.5), (5.5, 1.5), (5.5, 4.5)]
    thin = {(1, c) for c in range(1, 6)} | {(r, 5) for r in range(1, 5)}
    assert cells(brush(PLANE, path, 0.5)) == thin
    wide = brush(PLANE, path, 3.0)
    assert {(0, 3), (2, 3), (4, 6), (4, 4)} <= cells(wide) and (6, 5) not in cells(wide)


def test_a_track_is_straight():
    bent = [(0.5, 0.5), (9.0, 7.0), (4.5, 4.5)]
    assert cells(track(PLANE, bent, 0.1)) == {(i, i) for i in range(5)}


def test_a_box_has_two_corners_in_any_order():
    inside = {(r, c) for r in (2, 3) for c in (4, 5, 6)}
    assert cells(box(PLANE, [(4.1, 3.9), (6.2, 2.0)])) == inside
    assert cells(box(PLANE, [(6.2, 2.0), (0.0, 0.0), (4.1, 3.9)])) == inside
    assert cells(box(PLANE, [(4.0, 2.0), (7.0, 4.0)])) == inside, "edges belong to one side"


def test_a_lasso_is_closed_and_may_be_bent():
    corner = [(1.0, 1.0), (7.0, 1.0), (7.0, 3.0), (3.0, 3.0), (3.0, 6.0), (1.0, 6.0)]
    expected = {(r, c) for r in (1, 2) for c in range(1, 7)}
    expected |= {(r, c) for r in (3, 4, 5) for c in (1, 2)}
    assert cells(lasso(PLANE, corner)) == expected


@pytest.fixture
def painting() -> Painting:
    return Painting(Controls(masks=["stride:8"]))


def test_painting_begins_from_the_mask_that_is_chosen(painting):
    region = box(painting.plane, [(1, 1), (3, 2)])
    before = painting.cells
    painting.paint(region)
    assert painting.controls.mask == "painted"
    assert torch.equal(painting.cells, before | region)
    painting.paint(region, on=False)
    assert torch.equal(painting.cells, before & ~region)
    Experiment.of(painting.controls.config())


def test_the_next_run_sees_what_was_painted(painting):
    painting.clear()
    painting.paint(box(painting.plane, [(0, 0), (5, 4)]))
    config = painting.controls.config()
    assert network_of(config, SYSTEMS["qg64"]()).size == 5 * 4 * 2 * 9
    assert torch.equal(Painting(Controls(**config.to_dict())).cells, painting.cells)


def test_a_painting_travels_in_files_and_links(painting, tmp_path):
    painting.paint(track(painting.plane, [(3.0, 3.0), (50.0, 60.0)], 3.0), drift=4)
    config = painting.controls.config()
    link = parse_qs(query(config, {}, Config()))
    assert read(link, Config(), ())[0].masks == config.masks
    file = tmp_path / "painted.yaml"
    file.write_text(yaml.safe_dump(config.to_dict()))
    assert load_config(file) == config
    words = shlex.split(command(config))
    assert words[words.index("--mask") + 1] == config.masks[0]


def test_the_title_of_a_figure_does_not_spell_a_painting_out():
    painting = Painting(Controls(system="lorenz96", operators=["identity"], masks=["stride:3"]))
    painting.paint(box(painting.plane, [(10, 2), (13, 4)]), day=0)
    config = painting.controls.config().replace(methods=("oi",), members=2)
    title = figure(execute(config)).get_suptitle()
    assert "identity on painted" in title and config.masks[0] not in title and len(title) < 100


def test_clear_invert_take_and_undo(painting):
    chosen = painting.cells
    painting.take()
    assert painting.controls.mask == "painted" and torch.equal(painting.cells, chosen)
    painting.invert()
    assert torch.equal(painting.cells, ~chosen)
    painting.clear()
    assert not painting.cells.any()
    painting.undo()
    assert torch.equal(painting.cells, ~chosen)
    painting.undo()
    painting.undo()
    assert painting.controls.mask == "stride" and not painting.undoable
    painting.undo()
    assert painting.controls.mask == "stride", "nothing is left to undo"


def test_undo_forgets_the_oldest(painting):
    for _ in range(UNDONE + 5):
        painting.invert()
    for _ in range(UNDONE):
        assert painting.undoable
        painting.undo()
    assert not painting.undoable


def test_one_day_alone_can_be_painted(painting):
    painting.clear()
    painting.paint(box(painting.plane, [(0, 0), (2, 2)]), day=3)
    assert painting.cells.flatten(1).sum(1).tolist() == [0, 0, 0, 4, 0, 0, 0, 0, 0]
    assert painting.shown(3).sum() == 4 and not painting.shown(2).any()
    painting.add([(9, 9)], day=2)
    painting.add([(5, 5)])
    assert painting.cells.flatten(1).sum(1).tolist() == [1, 1, 2, 5, 1, 1, 1, 1, 1]


def test_a_track_can_move_from_day_to_day(painting):
    painting.clear()
    swath = track(painting.plane, [(62.5, 0.5), (62.5, 63.5)], 1.0)
    painting.paint(swath, drift=3)
    columns = [int(day.any(0).nonzero()) for day in painting.cells]
    assert columns == [(62 + 3 * day) % 64 for day in range(9)], "round the domain"


def test_a_ring_is_painted_in_time_and_space():
    painting = Painting(Controls(system="lorenz96", operators=["identity"], masks=["painted"]))
    assert painting.plane == (9, 40)
    region = box(painting.plane, [(10, 2), (13, 4)])
    painting.paint(region, day=0)
    assert torch.equal(painting.shown(0), region) and painting.cells.sum() == 6
    painting.paint(region)
    assert painting.cells[:, 0, 10:13].all() and painting.cells.sum() == 27
    Experiment.of(painting.controls.config())


def test_operators_with_a_mask_of_their_own_are_left_alone(painting):
    controls = painting.controls
    controls.operators = ["arctan", "sine"]
    controls.own_masks["sine"].mask = "stride:4"
    painting.clear()
    assert not painting.cells.any() and not painting.seen_by(0).any()
    assert painting.seen_by(1)[0].sum() == 256
    assert controls.config().masks == ("painted", "stride:4")
    controls.own_masks["sine"].mask = ""
    controls.mask = "random"
    assert torch.equal(painting.seen_by(0), painting.cells)
    assert not torch.equal(painting.seen_by(1), painting.cells), "drawn for each by itself"


def test_a_painting_of_another_grid_is_not_shown_and_can_be_begun_again(painting):
    painting.take()
    painting.controls.param.update(system="lorenz96", operators=["identity"])
    assert not painting.cells.any()
    painting.invert()
    assert painting.cells.all() and painting.cells.shape == (9, 1, 40)
