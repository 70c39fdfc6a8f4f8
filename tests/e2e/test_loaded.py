"""Libraries that take hundreds of megabytes stay out of the running processes that do not need them."""

import re
from pathlib import Path

import psutil
import pytest
from support import Platform
from test_import_weight import HEAVY

# What a running process may load for an answer; seen by the libraries that it has mapped.
TABLES = {"numpy", "pandas", "pyarrow", "deltalake"}
LOADED = {
    "tenancy.gate": set[str](),
    "workflows.engine": set[str](),
    # sums up datasets that were written, reads the tensors of a model that goes into service
    "app.worker": TABLES | {"onnx"},
    "app.rest": TABLES | {"duckdb"},  # reads, writes and queries datasets
}
MAPPED = re.compile(r"site-packages/(\w+)")


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
