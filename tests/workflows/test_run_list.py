"""What the list of runs tells of a run, with a real workflow server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_platform import make_people, own_home_in, until

import workflows
from atrium.identity import platform_actor
from workflows.backends.argo import ArgoBackend
from workflows.models import RunSummary
from workflows.worker import summarize_runs

ADA = platform_actor("ada")
FAILING = {"metadata": {"name": "again"}, "spec": {"entrypoint": "main", "templates": [
    {"name": "main", "container": {"image": "busybox", "command": ["sh", "-c", "sleep 1; exit 3"]}}]}}  # fmt: skip


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with own_home_in(tmp_path_factory.mktemp("w")) as small:
        import workflows.models  # noqa: F401  their tables

        make_people(small)
        small.start("workflows.engine")
        yield small.home


def listed() -> RunSummary | None:
    summarize_runs()
    return next((one for one in workflows.list_runs(ADA, "flights").items if one.phase == "Failed"), None)


def test_a_retried_run_began_with_its_retry(engine: Path) -> None:
    backend = ArgoBackend(ADA, "flights")
    backend.submit(FAILING)
    until(lambda: listed() is not None, "the run's end")
    first = listed()
    assert (
        first and first.started_at and first.finished_at and first.created_at <= first.started_at <= first.finished_at
    )
    backend.act("again", "retry")
    until(lambda: (one := listed()) is not None and one.finished_at != first.finished_at, "the retry's end")
    again = listed()
    assert again and again.started_at and again.created_at == first.created_at
    assert again.started_at >= first.finished_at
    assert again.started_at.isoformat() == backend.get("again")["status"]["startedAt"].replace("Z", "+00:00")
