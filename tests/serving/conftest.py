"""A small real platform for the tests of serving: Triton, the front door, the gate, MLflow and the demo host."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_platform import CHECKOUT, Small, make_people, own_home_in


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """A home of these tests' own, with a user and two projects; nothing runs in it yet."""
    with own_home_in(tmp_path_factory.mktemp("h")) as small:
        make_people(small)
        yield small


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
