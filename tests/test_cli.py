"""The command line, as a person and as a script use it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from dalab import __version__
from dalab.catalogue import Entry, domain, entries, listing, registries
from dalab.cli import app
from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.config_file import load_config
from dalab.experiments.results.store import config_of, load
from dalab.options import default, options

PROGRAM = [sys.executable, "-c", "from dalab.cli import app; app(prog_name='dalab')"]
ANNOUNCING = """
import signal
import dalab.terminal as terminal
from dalab.cli import app

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background process ignores it

def progress_line(frame):
    print(frame.method, flush=True)
    return ""

terminal.progress_line = progress_line
app(prog_name="dalab")
"""
CALM = "sda:schedule=power,gamma=0.1"
QUICK = ["--prior", "gaussian", "--method", CALM, "--members", "2", "--steps", "3",
         "--device", "cpu"]
NUMBERS = ("rmse_sample", "rmse_mean", "crps", "spread_skill", "network_evaluations", "seconds",
           "members")


def dalab(*arguments, code=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


# --- help and lists -------------------------------------------------------------------------------


def test_help_needs_nothing_heavy():
    program = "import sys, dalab.cli; print({'torch', 'xarray', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
    for command in ("list", "run", "demo", "lab", "doctor", "climatology"):
        assert command in dalab("--help").output
        dalab(command, "--help")


@pytest.mark.parametrize(
    "kind", ["systems", "operators", "masks", "priors", "methods", "noises", "truths"]
)
def test_lists_every_entry_with_its_options(kind):
    shown = dalab("list", kind).output
    for name, thing in registries()[kind].items():
        assert f"\n{name} " in f"\n{shown}"
        for option, parameter in options(thing).items() if isinstance(thing, type) else ():
            assert f"{option}={default(parameter)}" in shown and domain(parameter) in shown


@pytest.mark.parametrize("kind", ["systems", "methods", "operators"])
def test_a_list_has_a_column_of_names_and_lines_that_fit(kind):
    found, lines = entries(kind), list(listing(entries(kind)))
    column = max(len(entry.name) for entry in found) + 2
    heads = {line[:column].strip(): line[column:] for line in lines if not line.startswith(" ")}
    assert list(heads) == [entry.name for entry in found]
    assert all(entry.summary.startswith(heads[entry.name]) for entry in found if entry.summary)
    assert all(len(line) <= 100 for line in lines)
    words = " ".join(lines).split()
    assert words == " ".join(
        " ".join([entry.name, entry.summary, *entry.options]) for entry in found
    ).split(), "nothing is lost"


def test_an_entry_without_a_summary_is_its_name():
    assert list(listing([Entry("a", ""), Entry("long-name", "word " * 4)], width=20)) == [
        "a", "long-name  word word", "           word word"]


def test_bounds_are_written_as_intervals():
    assert "ratio=0.25  (0, 1]  share of observed cells" in dalab("list", "masks").output
    assert "localisation=auto  [0, 64]  half-width" in dalab("list", "methods").output
    assert "form=reference  reference | physical" in dalab("list", "operators").output


def test_an_unknown_list_is_refused():
    assert "methods" in dalab("list", "colours", code=2).stderr
    assert "Did you mean 'methods'?" in dalab("list", "methodd", code=2).stderr
    assert "Did you mean 'spectral'?" in dalab("list", "methods", "spectrall", code=2).stderr


def test_lists_of_nothing_in_particular_and_of_some_entries():
    shown = dalab("list").output
    assert all(f"\n{kind} " in f"\n{shown}" for kind in registries()) and "letkf" in shown
    lines = dalab("list", "mask", "gap", "full").output.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["gap", "full"]


def test_several_names_in_one_text_are_asked_for_one_by_one():
    for text in ("arctan,velocity", "arctan velocity", "arctan + velocity"):
        refused = dalab("run", "--operator", text, code=2).stderr
        assert "Give them one by one: 'arctan' and 'velocity'." in " ".join(refused.split())


# --- run ------------------------------------------------------------------------------------------


def test_run_prints_scores_and_writes_result_and_json(tmp_path):
    out, scores = tmp_path / "a" / "r.nc", tmp_path / "b" / "r.json"
    shown = dalab(
        "run", *QUICK, "--operator", "arctan", "--operator", "velocity", "--mask", "random:0.1",
        "--noise", 0.2, "--background", 0.1, "--interval", 2, "--method", "oi", "--seed", 3,
        "--noise-family", "laplace", "--assumed-noise", 0.1, "--out", out, "--json", scores,
    )
    expected = Config(
        operators=("arctan", "velocity"), masks="random:0.1", noise=0.2, background=0.1,
        interval=2, prior="gaussian", methods=(CALM, "oi"), members=2, steps=3, seed=3,
        device="cpu",
        noise_family="laplace", assumed_noise=0.1,
    )
    assert "sda" in shown.stdout and "oi" in shown.stdout
    tree, found = load(out), json.loads(scores.read_text())
    assert config_of(tree) == expected == Config.from_dict(found["config"])
    assert found["status"] == "complete" and list(found["methods"]) == ["sda", "oi"]
    for name, row in found["methods"].items():
        of = tree["metrics"].to_dataset().sel({"method": name})
        assert len(row["rmse_steps"]) == 9 and row["status"] == "complete"
        assert row["rmse_mean"] == pytest.approx(np.mean(row["rmse_steps"]))
        assert all(row[key] == pytest.approx(float(of[key])) for key in NUMBERS)
        assert row["peak_memory_mb"] is None, "it cannot be told on the CPU"


def test_one_member_has_null_spread(tmp_path):
    dalab("run", *QUICK, "--members", 1, "--json", tmp_path / "r.json")
    row = json.loads((tmp_path / "r.json").read_text())["methods"]["sda"]
    assert row["spread_skill"] is None and row["crps"] > 0


def test_options_override_the_file(tmp_path):
    (tmp_path / "c.yaml").write_text("methods: [sda]\nmembers: 5\nsteps: 3\nnoise: 0.3\n")
    dalab("run", tmp_path / "c.yaml", "--members", 2, "--json", tmp_path / "r.json")
    config = json.loads((tmp_path / "r.json").read_text())["config"]
    assert (config["members"], config["noise"], config["methods"]) == (2, 0.3, ["sda"])


def test_a_method_that_fails_gives_code_1(monkeypatch, tmp_path):
    from dalab.methods import METHODS

    from .experiments.stubs import Broken

    monkeypatch.setitem(METHODS, "broken", Broken)
    shown = dalab("run", *QUICK, "--method", "broken", "--json", tmp_path / "r.json", code=1)
    assert "broken failed: the covariance is not positive definite" in shown.stderr
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["status"] == "partial" and found["methods"]["sda"]["status"] == "complete"


BAD = [
    (["--mask", "random:0"], "ratio = 0", "above 0.0 and at most 1.0", "default is 0.25"),
    (["--mask", "random:1.5"], "ratio = 1.5", "at most 1.0", "default is 0.25"),
    (["--noise", "0"], "noise = 0.0", "at least 1e-06", "Use 0.1"),
    (["--interval", "10"], "interval = 10", "shorter than the window of 9", "Use 1"),
    (["--members", "0"], "members = 0", "at least 1", "Use 8"),
    (["--operator", "arctn"], "'arctn'", "one of identity", "Did you mean 'arctan'?"),
    (["--steps", "1"], "steps = 1", "at least 2", "Leave it out"),
    (["--window", "5"], "(9, 2, 64, 64)", "(5, 2, 64, 64)", "Choose the prior"),
    (["--device", "cuda:99"], "'cuda:99'", "CUDA GPU", "Use cpu"),
    (["--out", "result.txt"], "'result.txt'", ".nc or .zarr", "Use out/result.nc"),
    (["--truth", "none.nc"], "'none.nc'", "existing", "Check the path"),
    (["none.yaml"], "'none.yaml'", "cannot be read", "An example"),
]


@pytest.mark.parametrize(("arguments", "value", "bound", "remedy"), BAD)
def test_bad_input_gives_code_2_and_one_line(arguments, value, bound, remedy):
    said = dalab("run", *QUICK, *arguments, code=2).stderr
    assert said.startswith("Error: ") and said.count("\n") == 1
    assert value in said and bound in said and remedy in said


def test_nan_in_a_file_gives_code_2(tmp_path):
    from dalab.experiments.truth import draw_truth
    from dalab.systems import SYSTEMS
    system = SYSTEMS.make("qg64")
    q = (draw_truth("model", system, 9, 0) * system.scale).numpy()
    q[4, 1, 7, 9] = np.nan
    path = _file(q, tmp_path / "nan.nc")
    said = dalab("run", *QUICK, "--truth", path, code=2).stderr
    assert "NaN" in said and "time 4, lev 1, y 7, x 9" in said and "Fill them" in said
    assert said.count("\n") == 1


def test_another_grid_in_a_file_gives_code_2(tmp_path):
    path = _file(np.ones((9, 2, 128, 128)), tmp_path / "fine.nc")
    said = dalab("run", *QUICK, "--truth", path, code=2).stderr
    assert "(2, 128, 128)" in said and "(2, 64, 64)" in said and "Average it" in said


def _file(q, path):
    import xarray as xr

    times = ("time", np.arange(len(q)) * 86400.0, {"units": "s"})
    found = xr.Dataset(
        {"q": (("time", "lev", "y", "x"), q, {"units": "s^-1"})}, coords={"time": times}
    )
    found.to_netcdf(path, engine="h5netcdf")
    return path


def test_an_option_that_no_field_has_is_refused():
    assert "No such option" in dalab("run", "--lag", "10", code=2).stderr


def test_the_version():
    assert dalab("--version").output == f"dalab {__version__}\n"


def test_run_json_is_a_config_again(tmp_path):
    scores = tmp_path / "run.json"
    dalab("run", *QUICK, "--seed", 3, "--json", scores)
    assert load_config(scores) == Config.from_dict(json.loads(scores.read_text())["config"])
    dalab("run", scores, "--seed", 4, "--json", tmp_path / "again.json")
    assert load_config(tmp_path / "again.json") == load_config(scores).replace(seed=4)


def test_numbers_of_files_as_yaml_and_json_write_them(tmp_path):
    fields = {"system": "lorenz96", "operators": ["identity"], "members": 1, "noise": 0.1}
    texts = {
        "exponent.yaml": "system: lorenz96\noperators: [identity]\nmembers: 1\nnoise: 1e-1\n",
        "exponent.json": json.dumps(fields).replace("0.1", "1e-1"),
        "tabs.json": json.dumps(fields, indent="\t"),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        assert load_config(tmp_path / name) == Config(**fields)


def test_a_real_process_says_it_without_a_traceback():
    done = subprocess.run([*PROGRAM, "run", "--members", "0"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    bound = "must be a whole number at least 1 and at most 100000"
    assert done.stderr == f"Error: members = 0: {bound}. Use 8.\n"


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_computed(tmp_path):
    out, scores = tmp_path / "r.nc", tmp_path / "r.json"
    process = subprocess.Popen(
        [*PROGRAM[:2], ANNOUNCING, "run", "--members", "1", "--method", "sda:steps=2",
         "--method", "spectral:steps=1000", "--out", out, "--json", scores],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    while process.stdout.readline() != "spectral\n":
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in stderr, stderr
    found = json.loads(scores.read_text())
    assert found["status"] == load(out).attrs["status"] == "cancelled"
    assert found["methods"]["spectral"]["status"] == "cancelled" and "cancelled" in stdout


def test_a_second_ctrl_c_says_what_is_lost(tmp_path, monkeypatch):
    def interrupt(*arguments, **others):
        raise KeyboardInterrupt

    out = tmp_path / "r.nc"
    run = ["run", "--system", "lorenz96", "--operator", "identity", "--mask", "full", "--method",
           "climatology", "--members", "1"]
    dalab(*run, "--out", out)
    earlier = out.read_bytes()
    monkeypatch.setattr("dalab.experiments.execution.Execution.frames", interrupt)
    shown = dalab(*run, code=130)
    assert "Ctrl-C again gives it up" in shown.stderr and "cancelled" in shown.stdout
    monkeypatch.setattr("dalab.experiments.results.output.save_somewhere", interrupt)
    shown = dalab(*run, "--out", out, code=130)
    assert f"states of this run are lost; an earlier {out} is as it was" in shown.stderr
    assert out.read_bytes() == earlier


# --- the other commands ---------------------------------------------------------------------------


@pytest.mark.slow
def test_demo_writes_a_result_and_a_figure(tmp_path, monkeypatch):
    small = Config(methods=("sda", "oi"), members=2, steps=3)
    monkeypatch.setattr("dalab.cli.demo_config", lambda device: small.replace(device=device))
    shown = dalab("demo", "--out", tmp_path / "out", "--device", "cpu")
    assert "sda" in shown.stdout
    assert config_of(load(tmp_path / "out" / "demo.nc")) == small.replace(device="cpu")
    assert (tmp_path / "out" / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_doctor_reports_versions_devices_and_files():
    shown = dalab("doctor").output
    for word in ("python", "numpy", "torch", "pyqg", "memory", "threads",
                 "qg64-gaussian.safetensors", "qg64.npz"):
        assert word in shown


def test_doctor_finds_a_damaged_prior(tmp_path, monkeypatch):
    from dalab.priors import WEIGHTS

    monkeypatch.setattr("dalab.priors.WEIGHTS", tmp_path)
    content = bytearray((WEIGHTS / "qg64-gaussian.safetensors").read_bytes())
    (tmp_path / "a.safetensors").write_bytes(content)
    content[-1] ^= 1
    (tmp_path / "b.safetensors").write_bytes(content)
    shown = dalab("doctor").output
    assert "a.safetensors, 1.4 MiB, checksum holds" in shown
    assert "b.safetensors, 1.4 MiB, DAMAGED: must be unchanged" in shown


def test_climatology_writes_a_prior(tmp_path):
    shown = dalab("climatology", "qg64", "--trajectories", 3, "--days", 20, "--spinup", 3,
                  "--no-libraries", "--out", tmp_path).output
    assert "upper: std" in shown and "s-1, normalised by 8.19e-06" in shown
    assert "6 windows" in shown

    from dalab.priors.files.gaussian_file import load_gaussian, read_header

    path = tmp_path / "qg64-gaussian.safetensors"
    header = read_header(path)
    assert load_gaussian(path, "new").window == (9, 2, 64, 64)
    assert (header["windows"], header["seed"], header["days"]) == (6, 0, 20)
    assert header["solver"]["nx"] == 64 and header["trajectories"] == 3


@pytest.mark.parametrize(("option", "value"), [("--trajectories", 0), ("--days", 8)])
def test_climatology_refuses_too_little(tmp_path, option, value):
    said = dalab("climatology", "qg64", option, value, "--out", tmp_path, code=2).stderr
    assert f"{option[2:]} = {value}: must be at least" in said


def test_lab_says_how_to_install_panel(monkeypatch):
    monkeypatch.setitem(sys.modules, "panel", None)
    said = dalab("lab", "--no-show", code=2).stderr
    assert "is not installed" in said and 'pip install "dalab[lab]"' in said


def test_lab_says_that_a_port_is_taken():
    import socket

    from dalab.views.panel.serve import check_port

    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"Try: dalab lab --port {port + 1}"):
            check_port(port)


def test_a_long_run_without_a_terminal_says_now_and_then_how_far_it_is(monkeypatch):
    arguments = ("run", "--system", "lorenz96", "--method", "oi", "--method", "letkf")
    assert " left" not in dalab(*arguments).stderr
    monkeypatch.setattr("dalab.terminal.PAUSE", 0.0)
    lines = dalab(*arguments).stderr.splitlines()
    assert len(lines) == 18 and all(" left" in line for line in lines)
    assert "(1 of 2)  " in lines[0] and "(2 of 2)  100%  RMSE " in lines[-1]
