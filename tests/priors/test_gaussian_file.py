"""Priors on disk: what is written is read, and foreign files are refused."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from dalab.errors import InputError
from dalab.priors.denoisers.rings import ring_index, ring_sums
from dalab.priors.files.gaussian_file import (
    load_gaussian,
    make_isotropic,
    pack,
    read_header,
    save_gaussian,
    unpack,
)


@pytest.fixture
def path(tmp_path, tiny_prior):
    path = tmp_path / "tiny-gaussian.safetensors"
    save_gaussian(
        path, tiny_prior.climatological_covariance.matrices, fields=(3, 2),
        facts={"system": "tiny", "seed": 7},
    )
    return path


def test_round_trip(path, tiny_prior):
    read = load_gaussian(path, "gaussian")
    assert read.window == tiny_prior.window
    torch.testing.assert_close(
        read.climatological_covariance.matrices,
        tiny_prior.climatological_covariance.matrices.to(torch.complex64),
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip
    assert read_header(path)["seed"] == 7


def test_small_eigenvalues_survive_float32(path, tiny_prior):
    read = load_gaussian(path, "gaussian").eigenvalues
    torch.testing.assert_close(read, tiny_prior.eigenvalues.float(), rtol=2e-2, atol=1e-7)


def test_rings_of_small_scales_are_stored_once(tiny_prior):
    full = tiny_prior.climatological_covariance.matrices.to(torch.complex128)
    c, beyond = full.shape[-1], 2
    fewer, more = pack(full, beyond=beyond), pack(full)
    assert len(fewer["real"]) < len(more["real"])
    expected = make_isotropic(full, beyond)
    torch.testing.assert_close(unpack(fewer, tiny_prior.window), expected, rtol=1e-4, atol=1e-5)
    rings = ring_index(*tiny_prior.window[-2:])
    torch.testing.assert_close(expected[rings <= beyond], full[rings <= beyond])
    outer = expected[rings == beyond + 1]
    torch.testing.assert_close(outer, outer[:1].expand(len(outer), c, c))
    power, kept = (ring_sums(torch.diagonal(m, dim1=-2, dim2=-1).real.sum(-1), full.shape[0])
                   for m in (full, expected))
    torch.testing.assert_close(kept, power)


def test_missing_truncated_and_foreign_files_are_refused(path, tmp_path):
    with pytest.raises(InputError, match="nothing.safetensors.*cannot be read"):
        read_header(tmp_path / "nothing.safetensors")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cut.safetensors.*cannot be read"):
        load_gaussian(cut, "gaussian")
    flipped = bytearray(path.read_bytes())
    flipped[-50] ^= 1
    cut.write_bytes(flipped)
    with pytest.raises(InputError, match="cut.safetensors.*its checksum is another"):
        load_gaussian(cut, "gaussian")
    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(2)}, foreign)
    with pytest.raises(InputError, match="must have the format"):
        load_gaussian(foreign, "gaussian")
