"""Libraries that take seconds and hundreds of megabytes stay out of the processes that do not need them."""

import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support import CHECKOUT, Platform

SERVERS = {"mlflow", "feast", "gradio", "gradio_client", "streamlit", "hera", "kubernetes"}
NUMBERS = {"numpy", "pandas", "pyarrow", "scipy", "sklearn", "duckdb", "deltalake", "pandera", "matplotlib", "altair"}
MODELS = {"onnx", "onnxruntime", "skl2onnx", "tritonclient", "grpc"}
HEAVY = SERVERS | NUMBERS | MODELS
WEB = {"fastapi", "uvicorn", "starlette"}
PAGES = "import pkgutil, portal.views; [__import__(f'portal.views.{one.name}') for one in pkgutil.iter_modules(portal.views.__path__)]"
# What runs, and what must not be there once everything that it imports at its start is.
FORBIDDEN = {
    "import tenancy.gate.app": HEAVY,
    "import app.rest": HEAVY,
    "import app.worker": HEAVY | WEB,
    "import workflows.engine.rest": HEAVY,
    "import app.cli": HEAVY | WEB | {"sqlalchemy", "httpx"},
    "import app.status, app.up": HEAVY | WEB,
    "import serving.triton.launch": HEAVY | WEB,
    "import feature_store, model_registry, serving, workflows": HEAVY | WEB,
    PAGES: HEAVY - {"streamlit"},
}
# What a running process may load for an answer; seen by the libraries that it has mapped.
TABLES = {"numpy", "pandas", "pyarrow", "deltalake"}
LOADED = {
    "tenancy.gate": set[str](),
    "workflows.engine": set[str](),
    # sums up datasets that were written, reads the tensors of a model that goes into service
    "app.worker": TABLES | {"onnx"},
    "app.rest": TABLES,  # reads and writes datasets
}
MAPPED = re.compile(r"site-packages/(\w+)")


@pytest.mark.parametrize("statement", sorted(FORBIDDEN))
def test_a_process_starts_without_what_it_does_not_need(statement: str) -> None:
    code = f"{statement}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    made = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert set(made.stdout.split()) & FORBIDDEN[statement] == set()


def _processes(platform: Platform) -> dict[str, psutil.Process]:
    configuration = str(platform.home / "supervisord.conf")
    supervisor = next(one for one in psutil.process_iter(["cmdline"]) if configuration in (one.info["cmdline"] or []))
    return {one.cmdline()[-1]: one for one in supervisor.children() if "-m" in one.cmdline()}


@pytest.mark.platform
@pytest.mark.parametrize("module", sorted(LOADED))
def test_a_running_process_has_loaded_no_more_than_its_answers_need(platform: Platform, module: str) -> None:
    process = _processes(platform)[module]
    mapped = set(MAPPED.findall(Path(f"/proc/{process.pid}/maps").read_text()))
    assert mapped & HEAVY <= LOADED[module]
