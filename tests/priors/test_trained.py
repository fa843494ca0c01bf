"""Files of trained priors: the same denoiser again, or a clear refusal."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from dalab.errors import InputError
from dalab.priors.files.bundled import WEIGHTS
from dalab.priors.files.header import Header
from dalab.priors.files.integrity import denoising_error
from dalab.priors.files.recipe import Recipe
from dalab.priors.files.tensors import open_prior, read_prior
from dalab.priors.files.trained import (
    assemble,
    load_core,
    load_trained,
    make_propagators,
    save_trained,
)
from dalab.priors.loading import load_prior
from dalab.priors.training.pipeline import Training
from dalab.priors.training.recalibrate import recalibrate
from dalab.random import MemberStreams
from dalab.systems import SYSTEMS
from dalab.systems.library import load_states
from dalab.systems.pyqg_truth import block_mean
from dalab.systems.spinup import integrate, refine, upsample

RECIPE = Recipe(
    name="small", system="lorenz96", data="climate:8x30", window=4, widths=(8,), depths=(1,),
    steps=3, batch=4, fit_windows=16, held_out=16, warmup=0,
)
LORENZ = SYSTEMS["lorenz96"]()


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Training, Path]:
    training = Training(RECIPE, tmp_path_factory.mktemp("trained"), torch.device("cpu"))
    for _ in training.run():
        pass
    return training, training.finish()[0]


def rewritten(path: Path, target: Path, *, header=None, drop=(), reshape=()) -> Path:
    """A copy with another header, without some tensors, or with one of another shape.

    Like the files of earlier versions, it has no checksum.
    """
    tensors = {k: v for k, v in load_file(path).items() if k not in drop}
    for name in reshape:
        tensors[name] = tensors[name].flatten()[:1]
    with safe_open(path, framework="pt") as file:
        values = json.loads(file.metadata()["dalab"])
    del values["sha256"]
    values.update(header or {})
    values = {k: v for k, v in values.items() if v is not None}
    save_file(tensors, target, metadata={"dalab": json.dumps(values)})
    return target


def test_the_file_denoises_as_the_trained_prior_did(trained):
    training, path = trained
    x = training.test[:4]
    noisy = x + 0.4 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    loaded = load_prior(str(path), LORENZ)
    expected = training.prior.denoise(noisy, 0.4)
    error = (loaded.denoise(noisy, 0.4) - expected).abs().max()
    assert error < 1e-3 * expected.abs().max()  # half precision


def test_one_level_per_window_or_one_for_all(trained):
    prior = load_prior(str(trained[1]), LORENZ)
    x = trained[0].test[:2]
    levels = torch.tensor([0.2, 0.7])
    together = prior.denoise(x, levels.view(-1, 1, 1, 1, 1))
    for i, level in enumerate(levels.tolist()):
        torch.testing.assert_close(together[i], prior.denoise(x[i], level), atol=1e-5, rtol=1e-4)


def test_half_precision_costs_under_one_per_cent(trained):
    training, path = trained
    loaded, _, _ = load_core(path, LORENZ)
    generator = torch.Generator().manual_seed(0)
    x = training.test
    noisy = x + 0.5 * torch.randn(x.shape, generator=generator)
    before, after = ((p.denoise(noisy, 0.5) - x).std() for p in (training.prior, loaded))
    assert after < 1.01 * before


def test_the_header_tells_everything(trained):
    header = Header.read(trained[1])
    assert header.system == "lorenz96" and header.window == [4, 1, 1, 40]
    assert header.parameters["forcing"] == 8.0
    assert len(header.data["sha256"]) == 64
    assert Recipe.from_dict(header.recipe) == RECIPE
    assert [row["sigma"] for row in header.validation] == [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
    assert header.training["seconds"] >= 0 and header.training["hardware"]


def test_the_measured_error_covariance_is_that_of_the_errors(trained):
    training, path = trained
    prior = load_prior(str(path), LORENZ)
    x = training.test
    for sigma in (0.1, 1.0):
        generator = torch.Generator().manual_seed(5)
        error = prior.denoise(x + sigma * torch.randn(x.shape, generator=generator), sigma) - x
        claimed = prior.error_covariance(sigma).variance().mean().sqrt()
        assert claimed == pytest.approx(float(error.std()), rel=0.12)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"header": {"format": "dalab-trained-prior-0"}}, "must have the format"),
        ({"header": {"format": "dalab-gaussian-prior-1"}}, "must have the format"),
        ({"header": {"scale": None}}, "check scale"),
        ({"header": {"colour": "red"}}, "check colour"),
        ({"header": {"window": "4"}}, "must have a list for window"),
        ({"header": {"window": [4, 1]}}, "four whole numbers"),
        ({"header": {"recipe": {"name": "a"}}}, "must have a system"),
        ({"header": {"system": "qg64"}}, "is about qg64"),
        ({"header": {"scale": [9.0]}}, "in units of"),
        ({"drop": ("network.stem.weight",)}, "must hold the tensor network.stem.weight"),
        ({"drop": ("network.direct.weight",)}, "must hold the tensor network.direct.weight"),
        ({"reshape": ("network.stem.weight",)}, "must hold network.stem.weight of shape"),
        ({"reshape": ("smoother.combination.values",)}, "must fit the denoiser"),
        ({"drop": ("exchange.maps.values",)}, "must fit the denoiser"),
        ({"drop": ("gaussian.real",)}, "must hold the tensor gaussian.real"),
        ({"drop": ("errors.ratios.values",)}, "must hold the tensor errors.ratios.values"),
    ],
)
def test_unfit_files_are_refused(trained, tmp_path, change, match):
    path = rewritten(trained[1], tmp_path / "odd.safetensors", **change)
    with pytest.raises(InputError, match=match):
        load_trained(path, LORENZ)


def test_truncated_and_foreign_files_are_refused(trained, tmp_path):
    whole = trained[1].read_bytes()
    for name, content in (
        ("short", whole[: len(whole) // 2]), ("empty", b""), ("text", b"weights" * 100),
        ("pickle", b"\x80\x02}q\x00."),
    ):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(content)
        with pytest.raises(InputError, match="cannot be read"):
            load_trained(path, LORENZ)


def damage(path: Path, target: Path, kind: str) -> Path:
    """A copy with changed numbers; a file of an earlier version has no checksum."""
    content, old = bytearray(path.read_bytes()), "old" in kind
    length = int.from_bytes(content[:8], "little")
    if "bit" in kind:
        content[8 + length + (len(content) - length) // 3] ^= 0x20
    elif "half" in kind:
        content = content[: length + (len(content) - length) // 2]
    target.write_bytes(content)
    if "bit" in kind or "half" in kind:
        return target
    tensors = load_file(path)
    tensors["network.head.weight"].view(-1)[3] = 1000.0 if "1000" in kind else torch.nan
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["dalab"])
    header = {k: v for k, v in header.items() if not (old and k in ("sha256", "check_error"))}
    save_file(tensors, target, metadata={"dalab": json.dumps(header)})
    return target


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        ("bit", "must be unchanged, and its checksum is another"),
        ("half", "cannot be read"),
        ("1000", "must be unchanged, and its checksum is another"),
        ("nan", "must hold finite numbers, and network.head.weight does not"),
        ("old, 1000", "must denoise better than the climatological mean"),
        ("old, nan", "must hold finite numbers"),
    ],
)
def test_damaged_files_are_refused(trained, tmp_path, kind, match):
    path = damage(trained[1], tmp_path / "damaged.safetensors", kind)
    with pytest.raises(InputError, match=match):
        load_trained(path, LORENZ)


def test_a_changed_header_is_noticed(trained, tmp_path):
    with safe_open(trained[1], framework="pt") as file:
        signed = json.loads(file.metadata()["dalab"])["sha256"]
    change = {"data": {"seed": 7}, "sha256": signed}
    with pytest.raises(InputError, match="its checksum is another"):
        load_trained(rewritten(trained[1], tmp_path / "a.safetensors", header=change), LORENZ)


def test_a_denoiser_that_has_changed_is_noticed(trained, tmp_path):
    """By its own error on a window, even if the checksum is right or missing."""
    header = {"check_error": 0.9 * denoising_error(load_core(trained[1], LORENZ)[0])[0]}
    with pytest.raises(InputError, match="must denoise with the error"):
        load_trained(rewritten(trained[1], tmp_path / "a.safetensors", header=header), LORENZ)


def test_a_denoiser_that_is_not_finite_is_not_written(trained, tmp_path):
    prior, state, header = load_core(trained[1], LORENZ)
    prior.network.head.weight.data[0, 0] = torch.inf
    with pytest.raises(InputError, match="must hold finite numbers"):
        save_trained(tmp_path / "a.safetensors", prior, state, header)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", sorted(WEIGHTS.glob("*.safetensors")), ids=lambda path: path.stem)
def test_the_files_of_the_package_are_whole(path):
    with open_prior(path) as file:
        assert len(file.header["sha256"]) == 64 and read_prior(path, file)


def test_calibration_can_be_repeated(trained, tmp_path):
    out = tmp_path / "again.safetensors"
    path, table = recalibrate(str(trained[1]), "climate:8x60", 24, out)
    assert path == out and len(table) == 6
    old, new = (load_prior(str(p), LORENZ) for p in (trained[1], out))
    assert not torch.equal(old.errors.ratios.values, new.errors.ratios.values)
    x = trained[0].test[:1]
    torch.testing.assert_close(old.denoise(x, 0.5), new.denoise(x, 0.5), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(("name", "match"), [
    ("thesis.tex", "must end in"), ("mine.safetensors", "cannot be read"),
])
def test_calibration_replaces_nothing_else(trained, tmp_path, name, match):
    (tmp_path / name).write_text("years of work")
    with pytest.raises(InputError, match=match):
        recalibrate(str(trained[1]), "climate:8x60", 24, tmp_path / name)
    assert (tmp_path / name).read_text() == "years of work"


class TestBlend:
    def test_its_ends_are_the_two_priors(self, trained):
        path, x = trained[1], trained[0].test[:2]
        prior = load_prior(str(path), LORENZ)
        none, all_ = (load_prior(f"{path}:blend={b}", LORENZ) for b in (0.0, 1.0))
        torch.testing.assert_close(none.denoise(x, 0.5), prior.gaussian.denoise(x, 0.5))
        torch.testing.assert_close(all_.denoise(x, 0.5), prior.denoise(x, 0.5))
        for blended, sigma in ((none, 0.5), (all_, 0.5)):
            other = prior.gaussian if blended is none else prior
            torch.testing.assert_close(
                blended.error_covariance(sigma).matrices, other.error_covariance(sigma).matrices,
                atol=1e-5, rtol=1e-4,
            )

    def test_it_samples_the_same_climate(self, trained):
        half = load_prior(f"{trained[1]}:blend=0.5", LORENZ)
        x = half.sample_climatology(MemberStreams(0, 200))
        assert x.std() == pytest.approx(float(trained[0].data.training.std()), rel=0.1)

    def test_bad_blends(self, trained):
        with pytest.raises(InputError, match="at most 1"):
            load_prior(f"{trained[1]}:blend=2", LORENZ)
        with pytest.raises(InputError, match="must be a trained one"):
            load_prior("gaussian:blend=0.5", LORENZ)


def test_a_prior_of_means_over_cells_carries_them_on_finer_grids():
    system, recipe = SYSTEMS["qg64"](), dataclasses.replace(RECIPE, system="qg64", finer=True)
    prior = assemble(recipe, system, load_prior("gaussian", system), (0.1, 1.0), smoothed=True)
    assert prior.smoother.propagate.model.nx == 96
    assert prior.forecast.trajectory == system.finer_trajectory


@pytest.mark.parametrize("name", ["finer", "frozen_flow"])
def test_a_system_without_finer_grids_or_a_flow_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=f"{name} = True: must be false for lorenz96"):
        Training(dataclasses.replace(RECIPE, **{name: True}), tmp_path, torch.device("cpu"))


def test_a_recipe_says_whether_derivatives_take_the_flow_for_given():
    system, recipe = SYSTEMS["qg64"](), dataclasses.replace(RECIPE, system="qg64")
    for frozen in (True, False):
        propagate, _ = make_propagators(dataclasses.replace(recipe, frozen_flow=frozen), system)
        assert propagate.frozen == frozen


def flow_of_its_own(system):
    return system.trajectory(load_states("qg256")[:1], 9)


def means_of_a_finer_flow(system):
    """From an interpolated state, whose small scales have had a week to fill up."""
    fine = refine(system)
    later = integrate(fine, upsample(load_states("qg256")[:1]), 7)
    return block_mean(fine.trajectory(later, 9), 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "flow"), [("qg256", flow_of_its_own), ("qg256-fine", means_of_a_finer_flow)]
)
def test_the_bundled_qg256_denoise_as_well_as_they_say(name, flow):
    """On a trajectory from its library, which they were not trained on."""
    system = SYSTEMS["qg256"]()
    trained, gaussian = (load_prior(prior, system) for prior in (name, f"{name}:blend=0"))
    window = flow(system)
    noisy = window + 0.5 * torch.randn(window.shape, generator=torch.Generator().manual_seed(0))
    errors = [(p.denoise(noisy, 0.5) - window).square().mean().sqrt() for p in (trained, gaussian)]
    promised = trained.error_covariance(0.5).variance().mean().sqrt()
    assert errors[0] == pytest.approx(float(promised), rel=0.1)
    assert errors[0] < 0.95 * errors[1]
