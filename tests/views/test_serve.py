"""How the lab is served: to this machine unless told otherwise, and within limits."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

panel = pytest.importorskip("panel")

from dalab.cli import app  # noqa: E402
from dalab.errors import InputError  # noqa: E402
from dalab.experiments.service import service  # noqa: E402
from dalab.experiments.service.limits import Limits  # noqa: E402
from dalab.views.panel.serve import checked_runs  # noqa: E402

pytestmark = pytest.mark.lab


@pytest.fixture
def serve(monkeypatch):
    """``dalab lab`` with some options, up to the point where the server would start."""
    given = {}
    monkeypatch.setattr(panel, "serve", lambda pages, **options: given.update(options, pages=pages))
    monkeypatch.setattr(service, "_shared", [])

    def command(*options, code=0):
        result = CliRunner().invoke(app, ["lab", "--no-show", "--port", "0", *options])
        assert result.exit_code == code, result.output
        command.errors.append(result.stderr)
        return given if code == 0 else result.stderr

    command.errors = []
    return command


def test_it_is_for_this_machine_alone_by_default(serve):
    given = serve()
    assert given["address"] == "localhost" and "cookie_secret" not in given
    assert given["websocket_origin"] == ["localhost:0", "127.0.0.1:0"]
    assert given["sign_sessions"] and len(given["secret_key"]) >= 32
    pages = ["/", "/lessons", "/gallery"]
    assert list(given["pages"]) == pages, "one process, so that all wait in one line"
    assert service.shared().limits == Limits() and service.shared().concurrency == 1


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.7"])
def test_an_open_door_needs_an_origin(serve, address):
    names = serve("--address", address, code=2)
    assert address in names and "--origin" in names and "docs/deploy.md" in names


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.7", ""])
def test_an_open_door_needs_a_password_or_a_flag(serve, address):
    refused = serve("--address", address, "--origin", "lab.example.org", code=2)
    assert "--users FILE" in refused and "--allow-anyone" in refused


def test_a_door_open_to_anyone_warns(serve):
    serve("--address", "0.0.0.0", "--origin", "lab.example.org", "--allow-anyone")
    assert "WARNING: anybody who can reach 0.0.0.0, port 0, can use this lab" in serve.errors[-1]
    serve()
    assert serve.errors[-1] == ""


def test_others_come_from_the_origins_that_are_named(serve):
    given = serve("--address", "0.0.0.0", "--origin", "lab.example.org", "--origin", "b.org:81",
                  "--allow-anyone")
    assert given["websocket_origin"][:2] == ["lab.example.org", "b.org:81"]
    behind = serve("--origin", "lab.example.org")
    assert behind["address"] == "localhost"
    assert behind["websocket_origin"][0] == "lab.example.org"


def test_limits_come_from_the_command_line_and_the_environment(serve, monkeypatch):
    monkeypatch.setenv("DALAB_MAX_SECONDS", "60")
    monkeypatch.setenv("DALAB_MAX_SIZE", "1e6")
    serve("--at-once", "3", "--max-size", "2e8", "--max-waiting", "20")
    assert service.shared().limits == Limits(seconds=60, size=2e8, waiting=20)
    assert service.shared().concurrency == 3
    assert "limit of runs = 0.0: must be above 0" in serve("--max-runs", "0", code=2)


def test_names_and_passwords(serve, tmp_path):
    missing = serve("--users", str(tmp_path / "none.json"), code=2)
    assert "must be a JSON file of names and passwords" in missing
    users = tmp_path / "users.json"
    users.write_text('{"ada": "secret"}')
    given = serve("--users", str(users))
    assert given["auth_provider"].users.accepts("ada", "secret")
    assert len(given["cookie_secret"]) == 64 and "basic_auth" not in given


def test_a_folder_of_runs_that_cannot_be_written_stops_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="folder of runs .* must be writable"):
            checked_runs(str(folder))
    assert checked_runs("none") is None
    assert checked_runs(str(tmp_path / "new" / "runs")).folder.is_dir()
