"""The buttons to share, download and open, without a browser."""

import base64

import pytest

pn = pytest.importorskip("panel")

from dalab.errors import InputError  # noqa: E402
from dalab.experiments.results.store import load, save  # noqa: E402
from dalab.views.model.lab import LabModel  # noqa: E402
from dalab.views.model.url import default_config  # noqa: E402
from dalab.views.panel.components import share_bar as sharebar  # noqa: E402
from dalab.views.panel.components.run_list import RunList  # noqa: E402
from dalab.views.panel.components.share_bar import share_bar  # noqa: E402

from .conftest import QUICK, end, settle  # noqa: E402

pytestmark = pytest.mark.lab


@pytest.fixture
def bar(model, monkeypatch):
    """The buttons of a model, and what they send to the browser."""
    made = share_bar(model, default_config(QUICK))
    made.sent = []
    monkeypatch.setattr(made, "_send_msg", made.sent.append)
    return made


def finish(model):
    model.run()
    settle(model, lambda: not model.runs.busy)


def last(bar, do):
    """The last message of a kind, once there is one."""
    settle(bar.model, lambda: any(m["do"] == do for m in bar.sent))
    return [m for m in bar.sent if m["do"] == do][-1]


def send(bar, name, content, piece=1 << 18):
    bar._handle_msg({"do": "open", "name": name, "size": len(content)})
    for at in range(0, len(content), piece):
        data = base64.b64encode(content[at : at + piece]).decode()
        bar._handle_msg({"do": "piece", "data": data})


def test_the_link_follows_every_choice(bar, model):
    settle(model)
    assert bar.query == "" and not bar.ready
    model.controls.noise = 0.3
    model.controls.mask_options["random"].ratio = 0.5
    model.display.view = "spread"
    assert bar.query == "masks=random:ratio=0.5&noise=0.3&view=spread"
    assert "noise=0.3" in bar.python and "--noise 0.3" in bar.command
    model.controls.noise = -1
    assert "noise=0.3" in bar.query, "what cannot work is not shared"


def test_script_and_downloads_are_of_the_run_on_show(bar, model, tmp_path):
    finish(model)
    model.controls.noise = 0.3
    assert bar.ready and "noise" not in bar.python and "noise=0.3" in bar.query
    bar._handle_msg({"do": "make", "what": "netcdf"})
    message = last(bar, "file")
    assert message["name"] == f"dalab-{model.shown_entry.config.hash()}.nc" and message["last"]
    (tmp_path / "run.nc").write_bytes(base64.b64decode(message["data"]))
    assert load(tmp_path / "run.nc").identical(model.runs.result)


def test_large_files_go_out_piece_by_piece_in_their_order(bar, monkeypatch):
    monkeypatch.setattr(sharebar, "PIECE", 4)
    bar.send("a.csv", "text/csv", b"0123456789")
    bar.send("b.csv", "text/csv", b"ab")
    assert len(bar.sent) == 1, "the next one waits until this one has arrived"
    for _ in range(4):
        bar._handle_msg({"do": "more"})
    found = [(m["name"], base64.b64decode(m["data"]), m["last"]) for m in bar.sent]
    assert found == [
        ("a.csv", b"0123", False), ("a.csv", b"4567", False), ("a.csv", b"89", True),
        ("b.csv", b"ab", True),
    ]


def test_a_stopped_run_is_said_to_be_one(bar, model):
    model.controls.param.update(methods=["spectral"], steps=300)
    model.run()
    settle(model, lambda: model.display.field_plot("spectral").values is not None)
    assert not bar.ready
    model.stop()
    assert bar.ready and "stopped" in bar.python


def test_a_stored_run_in_pieces_is_shown(bar, model, finished, tmp_path):
    send(bar, "other.nc", save(finished.runs.result, tmp_path / "other.nc").read_bytes())
    assert "other.nc is shown" in last(bar, "message")["text"]
    assert model.shown_entry.title == "other.nc" and model.runs.state == "done" and bar.ready


def test_a_stored_run_that_comes_while_another_goes_on_waits_among_the_runs(
    bar, model, finished, tmp_path
):
    model.controls.param.update(methods=["spectral"], steps=300)
    model.run()
    send(bar, "other.nc", save(finished.runs.result, tmp_path / "other.nc").read_bytes())
    assert "in the list of runs" in last(bar, "message")["text"]
    assert model.runs.busy and model.controls.steps == 300
    assert [entry.title for entry in model.history] == ["other.nc"]
    model.stop()


def test_a_wrong_file_is_refused_and_leaves_all_as_it_was(bar, model):
    settle(model)
    config = model.config
    send(bar, "wrong.nc", b"wrong")
    last(bar, "message")
    assert "The file cannot be used" in model.notice and "wrong.nc" in model.notice
    assert model.config == config and model.history == []
    bar._handle_msg({"do": "open", "name": "run.zip", "size": 4})
    assert "run.zip" in model.notice


def test_the_list_of_runs_follows_and_obeys(model):
    runs = RunList(model)
    assert runs.rows == []
    finish(model)
    model.controls.noise = 0.3
    finish(model)
    assert [row["title"] for row in runs.rows] == ["Run 2", "Run 1"]
    assert runs.rows[0]["shown"] and "noise 0.3" in runs.rows[0]["about"]
    runs._handle_msg({"do": "compare", "numbers": [1, 2]})
    found = runs.comparison
    assert found["differs"] == [{"name": "noise", "values": ["0.1", "0.3"]}]
    assert [row["name"] for row in found["rows"]] == ["spectral", "oi"]
    cells = found["rows"][1]["cells"][:2]
    assert sorted(cell["best"] for cell in cells) == [False, True]
    assert min(cells, key=lambda cell: float(cell["text"]))["best"]
    runs._handle_msg({"do": "show", "numbers": [1]})
    assert model.controls.noise == 0.1 and model.page == "Assimilate" and runs.rows[1]["shown"]
    runs._handle_msg({"do": "delete", "numbers": [2]})
    assert [row["title"] for row in runs.rows] == ["Run 1"]


def test_a_model_of_another_session_has_a_history_of_its_own(model):
    finish(model)
    other = LabModel(**QUICK)
    assert len(model.history) == 1 and other.history == []
    end(other)


def test_a_page_has_one_file_read_and_one_made_at_a_time(bar, model, monkeypatch):
    finish(model)
    jobs = []
    monkeypatch.setattr(sharebar, "_in_background", lambda *job: jobs.append(job))
    for _ in range(3):
        send(bar, "mine.nc", b"abc")
        bar._handle_msg({"do": "make", "what": "csv"})
    assert [worker for worker, *_ in jobs] == [sharebar.READERS, sharebar.WORKER]
    assert "must wait until the one before" in model.notice
    for _, job, then in jobs:
        try:
            then(job())
        except InputError as error:
            then(error)
    send(bar, "mine.nc", b"abc")
    bar._handle_msg({"do": "make", "what": "csv"})
    assert len(jobs) == 4
