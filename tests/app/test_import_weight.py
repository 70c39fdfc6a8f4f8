"""Libraries that take seconds and hundreds of megabytes stay out of the processes that do not need them."""

import subprocess
import sys

import pytest
from support import CHECKOUT

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


@pytest.mark.parametrize("statement", sorted(FORBIDDEN))
def test_a_process_starts_without_what_it_does_not_need(statement: str) -> None:
    code = f"{statement}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    made = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert set(made.stdout.split()) & FORBIDDEN[statement] == set()
