"""Starting: ports, tables, imports."""

import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from small_platform import forget_settings, free_port
from support import ATRIUM, CHECKOUT

from app.checks import PortTaken, check_ports
from app.migrate import Base
from atrium.database import engine

ON_BOTH_DATABASES = True


def test_the_migrations_make_the_tables_that_the_code_means(own_home: Path) -> None:
    with engine().connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_taken_port_is_named_with_the_setting(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("ATRIUM_PORT", str(port))
    forget_settings()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(PortTaken, match=f"port {port}.*ATRIUM_PORT"):
            check_ports()
    forget_settings()


@pytest.mark.parametrize("module", ["portal.main_imports", "app.rest", "app.worker", "tenancy.gate.app"])
def test_heavy_libraries_stay_out_of_light_processes(module: str) -> None:
    imports = (
        "import portal.views.overview, portal.views.services, portal.views.datasets"
        if module.startswith("portal")
        else f"import {module}"
    )
    heavy = "mlflow,feast,gradio,sklearn,onnxruntime,matplotlib,duckdb,deltalake"
    code = f"{imports}; import sys; print([one for one in '{heavy}'.split(',') if one in sys.modules])"
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, cwd=CHECKOUT, check=True
    )
    assert made.stdout.strip() == "[]"


def test_the_command_line_answers_quickly_with_its_commands() -> None:
    said = subprocess.run([str(ATRIUM), "--help"], capture_output=True, text=True, timeout=5, check=True).stdout
    assert all(command in said for command in ("up", "down", "status", "doctor", "token", "run", "logs"))


def test_paths_with_spaces_reach_the_supervisor_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Read as supervisord reads it, with its own parser."""
    from supervisor.options import ServerOptions

    from app import supervisor
    from atrium.home import Home

    odd = tmp_path / "a home with spaces and ümlauts"
    odd.mkdir(mode=0o700)
    monkeypatch.setattr(supervisor, "python_binary", lambda: "/opt/my python/bin/python")
    path = odd / "supervisord.conf"
    path.write_text(supervisor.configuration(Home(odd)))
    options = ServerOptions()
    options.realize(["-c", str(path)])
    gate = next(group for group in options.process_group_configs if group.name == "gate").process_configs[0]
    assert shlex.split(gate.command) == ["/opt/my python/bin/python", "-m", "tenancy.gate"]
    assert gate.stdout_logfile == str(odd / "logs" / "gate.log")


@pytest.mark.parametrize("name", ["100%", "a;b", "a #b"])
def test_a_home_that_the_supervisor_could_not_write_down_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    from atrium.errors import SettingInvalid
    from atrium.home import get_home

    monkeypatch.setenv("ATRIUM_HOME", str(tmp_path / name))
    forget_settings()
    with pytest.raises(SettingInvalid, match="ATRIUM_HOME is"):
        get_home()
    monkeypatch.undo()
    forget_settings()
