"""Why something fails or waits: real runs of a real workflow server, and services and components as the platform notes them."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from small_platform import CHECKOUT, make_people, own_home_in, until

import monitoring
import tenancy
import workflows
from atrium.clock import now
from atrium.database import writing
from atrium.errors import Forbidden, NotFound
from atrium.events import emit
from atrium.home import get_home
from atrium.identity import Actor, Role, platform_actor
from atrium.metrics import Writer, sampler_file, samples
from monitoring.collect import COLLECTORS, collect
from monitoring.models import ComponentStatus, ObjectUnknown
from monitoring.routes import in_words
from monitoring.watch import note_components, note_restart
from serving.models import FigureRow, ServiceRow, ServiceState
from workflows.backends.argo import ArgoBackend
from workflows.models import RunSummaryRow
from workflows.reasons import _locks

ADA = platform_actor("ada")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with people and a workflow server that runs two steps at once."""
    with own_home_in(tmp_path_factory.mktemp("w"), ATRIUM_STEP_SLOTS="2") as small:
        import workflows.models  # noqa: F401  their tables

        make_people(small)
        for name in ("vic", "out"):
            tenancy.create_user(ADA, name, "correct horse battery")
        tenancy.add_member(ADA, "flights", "vic", Role.VIEWER)
        small.start("workflows.engine")
        yield small.home


def actor(name: str) -> Actor:
    return tenancy.actor_of_session(tenancy.sign_in(name, "correct horse battery", "here"))


def submitted(*templates: dict[str, object], **spec: object) -> str:
    manifest = {
        "metadata": {"generateName": "why-"},
        "spec": {"entrypoint": "main", "templates": list(templates), **spec},
    }
    return str(ArgoBackend(ADA, "flights").submit(manifest)["metadata"]["name"])


def step(name: str, script: str) -> dict[str, object]:
    return {"name": name, "container": {"image": "busybox:1", "command": ["sh", "-c", script]}}


def dag(*names: str) -> dict[str, object]:
    return {"name": "main", "dag": {"tasks": [{"name": name, "template": name} for name in names]}}


def reason(name: str) -> monitoring.Why:
    return monitoring.why(ADA, "flights", f"run/{name}")


def evidence(found: monitoring.Why) -> str:
    return "\n".join(f"{one.said}: {one.text}" for one in found.evidence)


def test_a_failed_run_names_its_first_failed_step_its_code_and_its_last_lines(home: Path) -> None:
    name = submitted(dag("good", "bad"), step("good", "echo fine"), step("bad", "echo lost the file; exit 3"))
    until(lambda: workflows.get_run(ADA, "flights", name).phase == "Failed", "the failure")
    found = reason(name)
    assert str(found.because) == "Step bad ended Failed with exit code 3"
    assert "The last lines that it wrote: lost the file" in evidence(found)
    assert any(f"atrium logs {name} --project flights" in one.command for one in found.next_steps)
    assert [one.page.partition(f"run={name}")[2][:6] for one in found.next_steps] == ["&node=", "&ask=r"]
    assert "child" not in evidence(found) and not found.fine


def test_a_recursion_without_end_is_told_by_its_deepest_step(home: Path) -> None:
    over = {"name": "over", "steps": [[{"name": "inner", "template": "main"}]]}
    name = submitted({"name": "main", "steps": [[{"name": "again", "template": "over"}]]}, over)
    until(lambda: workflows.get_run(ADA, "flights", name).finished_at, "the end")
    assert "The step's message: Maximum recursion depth exceeded" in evidence(reason(name))


def test_a_run_that_succeeded_has_nothing_to_explain(home: Path) -> None:
    name = submitted(step("main", "true"))
    until(lambda: workflows.get_run(ADA, "flights", name).phase == "Succeeded", "the success")
    assert reason(name).fine


def test_a_suspended_run_waits_for_a_person(home: Path) -> None:
    name = submitted({"name": "main", "suspend": {}})
    until(lambda: not reason(name).fine and bool(reason(name).evidence), "the wait")
    until(lambda: "waits for somebody to resume it" in str(reason(name).because), "the reason")
    assert [str(one.said) for one in reason(name).next_steps] == ["Resume it"]
    ArgoBackend(ADA, "flights").act(name, "terminate")


def test_a_run_that_somebody_stopped_is_stopped_and_no_failure_of_its_pipeline(home: Path) -> None:
    name = submitted(step("main", "sleep 100"))
    until(lambda: workflows.get_run(ADA, "flights", name).phase == "Running", "its start")
    ArgoBackend(ADA, "flights").act(name, "stop")
    until(lambda: workflows.get_run(ADA, "flights", name).state == "Stopped", "its end")
    assert reason(name).fine and "Stopped with strategy 'Stop'" in evidence(reason(name))
    with writing() as session:
        for minute, (phase, message) in enumerate((("Succeeded", ""), ("Failed", "Stopped with strategy 'Stop'"))):
            at = now() - timedelta(minutes=5 - minute)
            session.add(
                RunSummaryRow(project="flights", name=f"sleeper-{minute}", pipeline="sleeper", phase=phase, progress="0/1",
                              message=message, owner="ada", created_at=at, finished_at=at)
            )  # fmt: skip
    assert [one.run for one in workflows.newest_results(ADA, "flights", "sleeper")] == ["sleeper-0"]


def test_a_run_at_its_parallelism_names_the_limit_and_who_runs(home: Path) -> None:
    name = submitted(dag("a", "b"), step("a", "sleep 100"), step("b", "sleep 100"), parallelism=1)
    until(lambda: str(reason(name).because) == "Its parallelism of 1 is reached; these run: a", "the reason")
    ArgoBackend(ADA, "flights").act(name, "terminate")


def test_a_step_without_a_slot_says_how_many_are_taken(home: Path) -> None:
    name = submitted(dag("a", "b", "c"), *(step(one, "sleep 100") for one in "abc"))
    until(lambda: "waits to be started" in str(reason(name).because), "a step that waits")
    writer = Writer(sampler_file())
    writer.add(samples(collect({"argo": COLLECTORS["argo"]})))
    writer.close()
    assert "waits for a free slot: 2 of 2 steps of the platform run" in str(reason(name).because)
    ArgoBackend(ADA, "flights").act(name, "terminate")


def test_a_lock_is_named_with_its_holder() -> None:
    waiting = [{"mutex": "flights/Mutex/table", "holder": "flights/other-run"}]
    (found,) = _locks({"status": {"synchronization": {"mutex": {"waiting": waiting}}}})
    assert (found.kind, found.detail, found.holders) == ("lock", "mutex flights/Mutex/table", ("flights/other-run",))


def failed_service(live: str | None) -> None:
    with writing() as session:
        session.add(
            ServiceRow(
                project="flights", name=f"delay-{live or 'none'}", model="delay", wanted_version="2", generation=1,
                state=ServiceState.FAILED, live_version=live, message="output 'p' holds 0 values", metadata_={}, signature={},
                example={}, changed_by="ada", changed_at=now(), checked_at=now(),
            )
        )  # fmt: skip
        emit(
            session,
            "service.changed",
            "flights",
            f"delay-{live or 'none'}",
            {"state": "failed", "message": "holds 0 values"},
        )


@pytest.mark.parametrize(("live", "expected"), [("1", "so version 1 still serves"), (None, "so nothing serves")])
def test_a_service_tells_wanted_and_live_apart_and_what_its_try_said(
    home: Path, live: str | None, expected: str
) -> None:
    failed_service(live)
    found = monitoring.why(ADA, "flights", f"service/delay-{live or 'none'}")
    assert expected in str(found.because)
    assert f"Wanted is version 2 of model delay; live is {live or '–'}" in evidence(found)
    assert "output 'p' holds 0 values" in evidence(found)
    assert "failed · holds 0 values" in evidence(found)


@pytest.mark.parametrize("before", ["1", None])
def test_a_service_that_fails_requests_is_led_back_only_to_a_version_that_served(
    home: Path, before: str | None
) -> None:
    name = f"failing-{before or 'new'}"
    with writing() as session:
        session.add(
            ServiceRow(
                project="flights", name=name, model="delay", wanted_version="2", generation=1, state=ServiceState.LIVE,
                live_version="2", message="", metadata_={}, signature={}, example={}, changed_by="ada", changed_at=now(),
                checked_at=now(),
            )
        )  # fmt: skip
        figures = {"succeeded": 3, "refused": 5, "failed": 1, "rows": 3, "total_microseconds": 9}
        session.add(FigureRow(project="flights", service=name, minute=now(), **figures))
        for version in filter(None, (before, "2")):
            emit(session, "service.changed", "flights", name, {"state": "live", "version": version})
    found = monitoring.why(ADA, "flights", f"service/{name}")
    assert "answered 3 requests, refused 5 as their own fault, and failed 1" in evidence(found)
    assert [str(one.said) for one in found.next_steps] == (
        ["Go back to version 1, which served before"] if before else []
    )


def component_found(state: str, since: str, pid: str = "1") -> None:
    (get_home().run / "supervisord.pid").write_text(pid)
    note_components([ComponentStatus("api", "REST", state, since, "1", 5, "GET / answered 503", "")])


def test_a_component_tells_since_when_how_often_it_died_and_its_last_lines(home: Path) -> None:
    component_found("up", "2026-01-01T00:00:00+00:00")
    component_found("silent", "2026-01-01T01:00:00+00:00")
    (get_home().logs / "api.log").write_text("one\n\x1b[1;33mOutOfMemory\x1b[0m now\n")
    found = monitoring.why(ADA, "", "component/api")
    assert "Component api runs but does not answer since" in str(found.because)
    assert "times in all: 1" in evidence(found)
    assert "\nOutOfMemory now" in evidence(found)
    assert "OutOfMemory" not in evidence(monitoring.why(actor("vic"), "", "component/api"))
    assert any("atrium restart api" in one.command for one in found.next_steps)


def test_a_restart_that_somebody_asked_for_is_no_death(home: Path) -> None:
    component_found("up", "2026-01-02T00:00:00+00:00", "10")
    component_found("up", "2026-01-02T05:00:00+00:00", "11")
    before = monitoring.list_components(ADA)[0].restarts
    component_found("up", "2026-01-02T06:00:00+00:00", "11")
    assert monitoring.list_components(ADA)[0].restarts == before + 1
    note_restart(ADA, "api")
    component_found("up", now().replace(microsecond=0).isoformat(), "11")
    assert monitoring.list_components(ADA)[0].restarts == before + 1
    with pytest.raises(Forbidden):
        note_restart(actor("vic"), "api")


def test_why_is_told_only_to_who_may_see_the_object(home: Path) -> None:
    name = submitted(step("main", "false"))
    with pytest.raises(Forbidden):
        monitoring.why(actor("out"), "flights", f"run/{name}")
    with pytest.raises(Forbidden):
        monitoring.why(actor("out"), "", "component/api")
    with pytest.raises(NotFound):
        monitoring.why(actor("vic"), "flights", "run/none")
    with pytest.raises(ObjectUnknown, match="run/NAME"):
        monitoring.why(ADA, "flights", "dream/of-sheep")


def test_the_command_line_and_rest_say_the_same(home: Path) -> None:
    component_found("silent", "2026-01-03T00:00:00+00:00")
    made = subprocess.run([Path(sys.executable).parent / "atrium", "why", "component/api"], capture_output=True, text=True,
                          cwd=CHECKOUT, check=True)  # fmt: skip
    told = in_words(monitoring.why(ADA, "", "component/api"))
    assert made.stdout.splitlines()[0] == f"component/api is silent: {told.because}."
    assert "next: Start it again  (.venv/bin/atrium restart api)" in made.stdout
