"""The example projects at set-up: each is run once, end to end, through the same services that people use."""

import importlib
import time

import click

import serving
import tenancy
import workflows
from app.up import save_times
from atrium.errors import AtriumError, Unavailable
from atrium.identity import Actor, Kind

POLL_SECONDS = 0.5
LIMIT_SECONDS = 1800
EXAMPLES = (
    ("flights", "Flights from New York", "flight-delay", "Flight delay"),
    ("digits", "Handwritten digits", "digit", "Handwritten digit"),
)


class ExampleFailed(Unavailable):
    """An example's run did not succeed."""


def install(administrator: str) -> bool:
    """Makes each example's project, pipeline, run and demo where they are not there yet; a run that goes on already is followed.

    Returns whether anything was changed.
    """
    who = Actor(administrator, Kind.PLATFORM, administrator=True)
    pending, changed = [], False
    for project, title, name, demo_title in EXAMPLES:
        if not tenancy.project_exists(project):
            tenancy.create_project(who, project, title)
        live = any(one.live_version for one in serving.list_services(who, project))
        if not live:
            pending.append((project, name, demo_title, _run(who, project, name)))
        elif not any(one.name == name for one in serving.list_demos(who, project)):
            serving.publish_demo(who, project, name, name, demo_title)
            changed = True
    for project, name, demo_title, run in pending:
        begun = time.monotonic()
        click.echo(f"  example {project}:")
        watch(who, project, run)
        serving.publish_demo(who, project, name, name, demo_title)
        save_times(f"example-{project}", time.monotonic() - begun)
    return changed or bool(pending)


def _run(who: Actor, project: str, name: str) -> str:
    """The name of the example's run: the one that a set-up before this one began and that goes on, else a new one."""
    module = importlib.import_module(f"examples.{project}.pipeline")
    workflows.save_pipeline(who, project, name, module.workflow().to_yaml())
    for run in workflows.list_runs(who, project, limit=1, pipeline=name).items:
        if run.finished_at is None and workflows.get_run(who, project, run.name).phase in ("Pending", "Running"):
            return run.name
    return workflows.run_pipeline(who, project, name)


def watch(who: Actor, project: str, run: str) -> None:
    """Prints each step of a run as it ends. Raises `ExampleFailed` with the step's own words, or after 30 minutes."""
    told: set[str] = set()
    begun = time.monotonic()
    while True:
        try:
            seen = workflows.get_run(who, project, run)
        except AtriumError as error:
            raise ExampleFailed(f"run {run!r}", f"it cannot be watched: {error}", "run make up again") from error
        for node in seen.nodes:
            if node.type == "Pod" and node.finished_at and node.id not in told:
                told.add(node.id)
                click.echo(
                    f"    {node.name:<16} {node.phase.lower()}   at {time.monotonic() - begun:.0f} s {node.message}"
                )
        if seen.finished_at:
            break
        if time.monotonic() - begun > LIMIT_SECONDS:
            raise ExampleFailed(
                f"run {run!r}", f"it did not end within {LIMIT_SECONDS} s", "see its page, then run make up again"
            )
        time.sleep(POLL_SECONDS)
    if seen.phase != "Succeeded":
        lines = [line for _, line in workflows.run_logs(who, project, run, tail=15)][-15:]
        raise ExampleFailed(
            f"run {run!r} ended {seen.phase}: {seen.message}",
            "\n".join(["its last lines:", *lines]),
            "mend it and run make up again",
        )
