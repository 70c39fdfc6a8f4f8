"""`atrium schedule`: when pipelines run by themselves."""

import click

from atrium.identity import Actor, Kind

LINE = "{pipeline:<20} {crontab:<20} {timezone:<16} {state:<10} {next_at}"


def _who(user: str) -> Actor:
    return Actor(user, Kind.PLATFORM, administrator=True)


@click.group()
def schedule() -> None:
    """When pipelines run by themselves."""


@schedule.command("set")
@click.argument("pipeline")
@click.argument("crontab")
@click.option("--project", required=True, help="The pipeline's project.")
@click.option("--timezone", default="UTC", show_default=True, help="Of the times, for example Asia/Shanghai.")
@click.option("-p", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option(
    "--overlap", default="Forbid", show_default=True, help="Allow, Forbid or Replace an earlier run that goes on."
)
@click.option("--catch-up-minutes", default=60, show_default=True, help="How late a slot may still start.")
@click.option("--user", default="admin", show_default=True, help="In whose name the runs act.")
def set_schedule(
    pipeline: str, crontab: str, project: str, timezone: str, parameters: tuple[str, ...], overlap: str, catch_up_minutes: int,
    user: str,
) -> None:  # fmt: skip
    """Have PIPELINE run at the times of CRONTAB, for example '30 2 * * 1-5' or @daily."""
    import workflows

    wrong = [one for one in parameters if "=" not in one]
    if wrong:
        raise click.UsageError(f"-p {wrong[0]!r}: write NAME=VALUE")
    given = dict(one.split("=", 1) for one in parameters)
    found = workflows.set_schedule(_who(user), project, pipeline, crontab, timezone, given, overlap, catch_up_minutes)
    click.echo(f"{pipeline} runs next at {found.next_at}")


@schedule.command("list")
@click.option("--project", required=True, help="The project.")
def list_schedules(project: str) -> None:
    """List a project's schedules with the next time of each."""
    import workflows

    for one in workflows.list_schedules(_who("admin"), project):
        state = "suspended" if one.suspended else "on"
        click.echo(
            LINE.format(
                pipeline=one.pipeline,
                crontab=one.crontab,
                timezone=one.timezone,
                state=state,
                next_at=one.next_at or "–",
            )
        )


@schedule.command("slots")
@click.argument("pipeline")
@click.option("--project", required=True, help="The pipeline's project.")
def list_slots(pipeline: str, project: str) -> None:
    """Show what became of each slot of PIPELINE's schedule, how its run ended, and why."""
    import workflows

    for one in workflows.list_slots(_who("admin"), project, pipeline).items:
        click.echo(
            f"{one.moment:%Y-%m-%d %H:%M:%S}  {one.run_state or one.state:<9} {one.run:<32} {one.reason or one.run_message}"
        )


@schedule.command()
@click.argument("pipeline")
@click.option("--project", required=True, help="The pipeline's project.")
def suspend(pipeline: str, project: str) -> None:
    """Pause PIPELINE's schedule."""
    import workflows

    workflows.suspend_schedule(_who("admin"), project, pipeline)
    click.echo(f"The schedule of {pipeline} is suspended.")


@schedule.command()
@click.argument("pipeline")
@click.option("--project", required=True, help="The pipeline's project.")
def resume(pipeline: str, project: str) -> None:
    """Have PIPELINE's schedule go on."""
    import workflows

    found = workflows.suspend_schedule(_who("admin"), project, pipeline, suspended=False)
    click.echo(f"{pipeline} runs next at {found.next_at}")


@schedule.command()
@click.argument("pipeline")
@click.option("--project", required=True, help="The pipeline's project.")
def delete(pipeline: str, project: str) -> None:
    """Remove PIPELINE's schedule; its runs stay."""
    import workflows

    workflows.delete_schedule(_who("admin"), project, pipeline)
    click.echo(f"The schedule of {pipeline} was removed.")
