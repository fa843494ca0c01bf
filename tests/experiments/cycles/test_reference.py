"""Scores against a reference posterior: a filter that runs first on the same twin."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

import dalab
from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.cycles import reference
from dalab.experiments.cycles.execution import CycledExecution
from dalab.experiments.run import Run
from dalab.methods.ensemble import particle

SMALL = Config(
    system="lorenz63", operators=["identity:units=physical"], masks=["full"], noise=1.4,
    background=0.1, cycles=6, burn_in=2, repeats=2, methods=["pf:members=40", "etkf:members=10"],
    reference="pf:members=200", device="cpu",
)

ALONE = SMALL.replace(methods=["pf:members=40"])


@pytest.fixture(scope="module")
def result() -> xr.DataTree:
    return dalab.execute(SMALL)


def test_the_reference_runs_first_and_is_scored_as_a_method(result):
    table = dalab.table(result).set_index("method")
    assert list(table.index) == ["reference", "pf", "etkf"]
    assert table.loc["reference", "members"] == 200 and table.loc["reference", "rmse_mean"] > 0
    assert table.loc["reference", "seconds"] > 0
    assert CycledExecution(SMALL).order[0] == "reference"


def test_all_methods_but_the_reference_have_distances_from_it_at_every_cycle(result):
    for name in ("w2", "sliced_w2"):
        series = result[f"metrics/{name}_cycles"]
        assert np.isnan(series.sel({"method": "reference"})).all()
        assert np.isfinite(series.sel({"method": ["pf", "etkf"]})).all()
        mean = series.sel({"method": "pf"})[:, 2:].mean()
        assert float(result[f"metrics/{name}"].sel({"method": "pf"})) == pytest.approx(float(mean))
    assert float(result["metrics/w2_err"].sel({"method": "pf"})) > 0
    html = dalab.metrics.table.html_table(result)
    assert "<th>W2</th>" in html and "Sliced W2" in html


def test_the_true_posterior_is_nearer_than_that_of_a_filter_which_does_not_converge_to_it(result):
    w2 = result["metrics/w2"]
    assert float(w2.sel({"method": "pf"})) < float(w2.sel({"method": "etkf"}))


def test_the_distance_of_a_filter_from_itself_is_that_of_two_samples():
    """Two particle filters with other random numbers: only the sampling error is left."""
    found = dalab.execute(SMALL.replace(
        methods=["pf:members=500,jitter=0.2", "etkf:members=20"],
        reference="pf:members=500,jitter=0.2", cycles=3, burn_in=0, repeats=1,
    ))
    w2 = found["metrics/w2"]
    assert float(w2.sel({"method": "pf"})) < 0.5 * float(w2.sel({"method": "etkf"}))


def test_distances_are_in_the_units_of_the_equations():
    execution = CycledExecution(SMALL.replace(cycles=1, burn_in=0, methods=["etkf:members=10"]))
    for _ in execution.frames():
        pass
    known = execution.reference.at(1)
    x = execution.carried["etkf"].state["ensemble"]
    scale = execution.experiment.system.scale
    far = torch.cdist((x * scale).flatten(2), (known * scale).flatten(2)).min(-1).values
    found = execution.recorders["etkf"].series["w2"][:, 0]
    assert (found**2 >= far.square().mean(1).numpy() - 1e-9).all() and (found < 30).all()


def assert_same(found, result):
    """The particle filter has the same scores, whichever other methods ran."""
    for name in ("w2_cycles", "sliced_w2_cycles", "rmse_analysis_cycles"):
        ours, known = (tree[f"metrics/{name}"].sel({"method": "pf"}) for tree in (found, result))
        np.testing.assert_array_equal(ours, known)


def test_a_run_that_was_stopped_goes_on_to_the_same_numbers(tmp_path, result):
    dalab.execute(ALONE.replace(cycles=3), folder=tmp_path)
    assert_same(dalab.execute(ALONE, folder=tmp_path), result)


def test_a_run_killed_within_a_method_goes_on_to_the_same_numbers(tmp_path, result):
    execution = CycledExecution(ALONE, tmp_path)
    frames = execution.frames()
    for frame in frames:
        if frame.method == "pf":
            break
    frames.close()
    assert_same(dalab.execute(ALONE, folder=tmp_path), result)


def test_more_cycles_go_on_from_an_earlier_run_in_memory(result):
    earlier = Run(ALONE.replace(cycles=3)).start()
    earlier.wait()
    longer = Run(ALONE, earlier=earlier).start()
    longer.wait()
    assert_same(longer.result, result)


def test_a_run_stopped_within_the_reference_keeps_what_there_is():
    seen = []

    def stop(frame):
        seen.append(frame)
        run.cancel()

    run = Run(SMALL.replace(cycles=400), on_frame=stop).start()
    assert run.wait(60) and run.join(60) and run.state == "cancelled"
    assert seen[0].method == "reference" and seen[0].progress.methods == 3
    table = dalab.table(run.result).set_index("method")
    assert set(table["status"]) == {"cancelled"} and "w2" not in table
    assert run.recorders["reference"].cycle >= 1 and "pf" not in run.recorders


def test_a_stored_run_has_its_distances(tmp_path, result):
    dalab.save(result, tmp_path / "run.nc")
    from dalab.experiments.cycles.stored import restore

    known = restore(dalab.load(tmp_path / "run.nc"))
    found = known.scores["pf"]
    assert found.score("w2") == pytest.approx(float(result["metrics/w2"].sel({"method": "pf"})))
    assert found.score("w2_err") > 0 and "w2" in known.recorders["pf"].series


def test_a_config_without_a_reference_keeps_its_hash():
    plain = SMALL.replace(reference="")
    assert "reference" not in plain.changed() and plain.hash() != SMALL.hash()
    assert plain.labels == ("pf", "etkf") and SMALL.labels == ("reference", "pf", "etkf")


def test_a_reference_is_for_cycled_experiments_only():
    with pytest.raises(InputError, match="reference"):
        dalab.Experiment.of(Config(reference="pf:members=100"))
    with pytest.raises(InputError):
        dalab.Experiment.of(SMALL.replace(reference="no-such-method"))


def test_members_that_do_not_fit_into_memory_are_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(reference, "free_bytes", lambda device: 1000)
    with pytest.raises(InputError, match="reference"):
        Run(SMALL)


def test_objects_may_hold_a_reference_under_its_label():
    made = dalab.Experiment.of(SMALL)
    own = dalab.Experiment(
        system=made.system, network=made.network, background=0.1,
        methods={"mine": made.methods["etkf"], "reference": made.methods["reference"]},
        schedule=dalab.Schedule(cycles=2), repeats=1,
    )
    assert list(own.methods) == ["reference", "mine"] and own.reference_label == "reference"
    assert own.config.reference.startswith("pf") and len(own.config.methods) == 1
    assert np.isfinite(dalab.execute(own)["metrics/w2_cycles"].sel({"method": "mine"})).all()


def test_members_kept_grow_with_the_largest_method():
    methods = dalab.Experiment.of(SMALL).methods
    big = {"reference": particle.ParticleFilter(members=5000)}
    assert reference.kept_members({**methods, **big}, 8) == 1000
    assert reference.kept_members({**methods, **big}, 501) == 2000
    assert reference.kept_members(methods, 8) == 200


def test_pictures_and_results_hold_some_members_of_a_large_ensemble():
    found = dalab.execute(SMALL.replace(
        reference="pf:members=3000", cycles=2, burn_in=0, repeats=1, keep=1,
        methods=["etkf:members=10"],
    ))
    assert found["kept/reference"].sizes["member_reference"] == 1000
    assert found["estimates/reference/pv"].sizes["member"] == 2000
    assert found["ranks/reference/count"].sizes["rank"] == 3001


def test_noise_of_many_particles_has_the_covariance_of_few(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4000, 3, 1, 1, generator=generator, dtype=torch.float64)
    x[..., 1, 0, 0] += 0.5 * x[..., 0, 0, 0]
    logw = torch.randn(1, 4000, generator=generator, dtype=torch.float64)

    def covariance(many):
        monkeypatch.setattr(particle, "MANY", many)
        streams = dalab.random.TimeStreams(
            torch.Generator().manual_seed(1), 4000, dtype=torch.float64
        )
        return torch.cov(particle.smoothing_noise(x, logw, streams).flatten(2)[0].T)

    assert torch.allclose(covariance(10_000), covariance(100), rtol=0.15, atol=0.02)
