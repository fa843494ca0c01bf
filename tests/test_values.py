"""Numbers of texts and of libraries, and values in the types of their parameters."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from dalab.errors import InputError, shown
from dalab.experiments.config import Config
from dalab.experiments.schedule import Schedule
from dalab.foreign.limits import Limits
from dalab.foreign.plain_reader import Reader
from dalab.methods import METHODS
from dalab.observations import MASKS, Instrument
from dalab.observations.design import network
from dalab.observations.masks import Full, Gap, Points, Random, Stride
from dalab.observations.noise import Gaussian
from dalab.observations.operators import Arctan
from dalab.systems import Lorenz96, ring
from dalab.values import read_number, read_real

NUMBERS = {
    "1": 1, "+5": 5, "-0": 0, "017": 17, "0x1F": 31, "0o17": 15, "1e-1": 0.1, "1E3": 1000.0,
    "1.": 1.0, ".5": 0.5, "-.5e+1": -5.0, ".inf": math.inf, "-.INF": -math.inf,
}
TEXTS = ["1_000", "1,5", "0b1", "0X1", "1:30", "yes", "on", "2024-01-01", "nan", "inf", "e1", ".",
         "1e", "+", "--1", "٣", "1e1.5", "0x", "- 1"]


@pytest.mark.parametrize("text, value", NUMBERS.items())
def test_numbers_are_those_of_yaml_1_2_everywhere(text, value, tmp_path):
    found = read_number(text)
    assert found == value and type(found) is type(value)
    assert read_real(text) == value
    (tmp_path / "a.yaml").write_text(f"a: {text}")
    assert Reader(tmp_path / "a.yaml", Limits()).content() == {"a": value}


@pytest.mark.parametrize("text", TEXTS)
def test_everything_else_is_a_text(text, tmp_path):
    assert read_number(text) is None
    (tmp_path / "a.yaml").write_text(f"a: {text}")
    if text != "- 1":  # a list, if anything
        assert Reader(tmp_path / "a.yaml", Limits()).content() == {"a": text}
    with pytest.raises(InputError, match="mask random ratio = .*must be a number|must be one of"):
        MASKS.make(f"random:{text}")


def test_numbers_of_json_are_those_of_yaml():
    for text in ("0", "-1", "1.5", "1e5", "-1E-5", "0.1e+1"):
        assert read_number(text) == json.loads(text)


@pytest.mark.parametrize("text", [
    "a: 1\na: 2", '{"a": 1, "a": 2}', "1: 2\n0x1: 3", "b:\n  a: 1\n  a: 1",
    '{"b": {"a": 1, "a": 1}}',
])
def test_a_key_given_twice_is_refused(text, tmp_path):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError, match="must be given once"):
        Reader(tmp_path / "a.yaml", Limits())


@pytest.mark.parametrize("three", [
    3, 3.0, np.int64(3), np.uint8(3), np.float32(3), np.array(3), torch.tensor(3), Fraction(3),
])
def test_numbers_of_any_library_are_numbers(three):
    config = Config(members=three, seed=three, noise=three, background=three)
    assert config == Config(members=3, seed=3, noise=3.0, background=3.0)
    assert config.hash() == Config(members=3, seed=3, noise=3.0, background=3.0).hash()
    assert Stride(three).stride == METHODS["etkf"](members=three).members == 3
    assert Lorenz96(forcing=three).name == "lorenz96:forcing=3"
    assert Schedule(cycles=three, burn_in=1).cycles == 3
    assert network(Arctan(), noise=three, interval=three).noise == 3.0


@pytest.mark.parametrize("value", [
    True, np.bool_(True), np.array([3]), torch.tensor([3, 4]), "3", 3j, None, math.nan, math.inf,
    b"3", [3], pytest.param(10**5000, id="huge"), print, np.datetime64("2024-01-01"),
])
def test_other_things_are_no_numbers(value):
    makers = [
        lambda: Config(members=value), lambda: Config(noise=value), lambda: Random(value),
        lambda: METHODS["etkf"](members=value), lambda: Lorenz96(forcing=value),
        lambda: network(Arctan(), noise=value), lambda: network(Arctan(), interval=value),
        lambda: Points([(value, 1)]), lambda: Lorenz96(d=value),
        lambda: Instrument(Arctan(ring()), torch.ones(1, 1, 40, dtype=bool), Gaussian(), value),
    ]
    for make in makers:
        with pytest.raises(InputError) as caught:
            make()
        assert len(str(caught.value)) < 400


def test_integers_in_the_place_of_real_numbers_give_the_same_config():
    assert Config(noise=1).to_json() == Config(noise=1.0).to_json()
    assert hash(Config(missing=0)) == hash(Config())


@pytest.mark.parametrize("seed", [2**63, 2**64, 2**70, -1, 0.5])
def test_seeds_are_those_that_files_can_hold(seed):
    assert Config(seed=2**63 - 1).seed == 2**63 - 1
    with pytest.raises(InputError, match="at most 9223372036854775807"):
        Config(seed=seed)


@pytest.mark.parametrize("text", [
    "random:ratio=0.1,ratio=0.2", "tracks:count=2,width=0.1,count=2",
    "points:sensors=[],sensors=[]",
])
def test_options_given_twice_are_refused(text):
    with pytest.raises(InputError, match="must be given once"):
        MASKS.make(text)


@pytest.mark.parametrize("sensors", ["[(1.5,2)]", "[(1,true)]", "[(1,2,3)]", "[1]", "[[]]"])
def test_sensors_are_pairs_of_whole_numbers(sensors):
    with pytest.raises(InputError, match="two whole numbers"):
        MASKS.make(f"points:{sensors}")
    assert MASKS.make("points:[(1, 2),(3,4)]").sensors == [(1, 2), (3, 4)]
    assert Points([(np.int64(3), torch.tensor(4))]).sensors == [(3, 4)]


@pytest.mark.parametrize("value, text", [
    ("a" * 5000, f"'{'a' * 77}…{'a' * 78}'"),
    pytest.param(10**5000, "10^5000 or so", id="huge"), (-(10**99), "-10^99 or so"),
    ("a\nb\x1b\ud800", r"'a\nb\x1b\ud800'"), (list(range(99)), "[0, 1, 2, 3, 4, 5, 6, 7, …]"),
    ([[[["a"]]]], "[[[[…]]]]"), ("😀é", "'😀é'"), (0.1, "0.1"), (2**70, "1180591620717411303424"),
])
def test_values_are_shortened_in_messages(value, text):
    assert shown(value) == text


def test_masks_that_do_not_change_take_the_memory_of_one_step():
    generator = torch.Generator()
    for mask in (Full(), Random(0.5), Stride(2), Gap(0.5), Points([(0, 1)])):
        cells = mask.cells(1000, (4, 5), generator)
        assert cells.shape == (1000, 4, 5) and cells.untyped_storage().nbytes() == 20
