"""A small real platform for the tests of serving: Triton, the front door, the gate, MLflow and the demo host."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_platform import CHECKOUT, Small, forget_settings, free_port, make_people


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """A home of these tests' own, with a user and two projects; nothing runs in it yet."""
    folder = tmp_path_factory.mktemp("h")
    port = free_port()
    ours = {"ATRIUM_HOME": str(folder), "ATRIUM_PORT": str(port)}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    forget_settings()
    small = Small(folder, port, os.environ | {"PYTHONPATH": str(CHECKOUT)})
    make_people(small)
    yield small
    small.stop()
    forget_settings()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
    forget_settings()


@pytest.fixture(scope="package")
def triton(home: Small) -> Small:
    """The home with Triton running, and the front door."""
    home.start("serving.triton")
    home.start("app.door")
    return home


@pytest.fixture(scope="package")
def platform(triton: Small) -> Small:
    """Everything that serving needs, and two registered models (version 2 of flight-delay answers NaN)."""
    for program in ("model_registry.server", "tenancy.gate", "serving.demos"):
        triton.start(program)
    script = Path(__file__).with_name("register_models.py")
    environment = triton.environment | {
        "MLFLOW_TRACKING_URI": f"{triton.url}/mlflow", "MLFLOW_TRACKING_TOKEN": triton.token
    }  # fmt: skip
    done = subprocess.run([sys.executable, str(script)], cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return triton
