"""Starting: ports, tables, imports."""

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
