"""The command line: `.venv/bin/atrium`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.backup.commands import backup, restore, step_back
from app.clusters import cluster, connected
from app.deploying.commands import cluster_data, cluster_route, cluster_up
from app.deploying.images.commands import images
from app.images import image
from app.schedules import schedule
from atrium.errors import AtriumError

if TYPE_CHECKING:
    from app.doctor import Finding

LINE = "{name:<10} {state:<9} {memory:>8}  {since:<25}  {what}"


class _Group(click.Group):
    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except AtriumError as error:
            click.secho(
                f"\n{error.asked}\n  allowed: {error.allowed}\n  next:    {error.next_step}", fg="red", err=True
            )
            sys.exit(1)


@click.group(cls=_Group)
def main() -> None:
    """Atrium: a self-service machine-learning portal."""


@main.command()
@click.option("--examples/--no-examples", default=True, help="Run the example projects where they are not live yet.")
def up(examples: bool) -> None:
    """Start everything; the first time make the administrator and run the examples."""
    from app.examples import install
    from app.up import ADMIN
    from app.up import up as bring_up

    bring_up((lambda: install(ADMIN)) if examples else None)


@main.command()
def serve() -> None:
    """Run in the foreground under one supervisor, without the examples: what the container image does."""
    from app.up import serve as become_server

    become_server()


@main.command()
def down() -> None:
    """Stop everything."""
    from app.up import down as bring_down

    bring_down()


@main.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(as_json: bool) -> None:
    """What runs, since when, with how much memory, and which clusters are connected; exits 1 where something does not run."""
    from app.status import statuses

    found = statuses()
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=1))
    for one in [] if as_json else found:
        memory = f"{one.memory_mib} MiB"
        click.echo(LINE.format(name=one.name, state=one.state, memory=memory, since=one.since or "–", what=one.what))
    for line in [] if as_json else connected():
        click.echo(line)
    if any(one.state != "up" for one in found):
        sys.exit(1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option(
    "--cluster",
    "on_cluster",
    is_flag=True,
    help="Check the cluster that KUBECONFIG names, from inside, and nothing else.",
)
@click.option(
    "--name", "names", multiple=True, help="With --cluster: a host that pods must find; may be repeated, as all below."
)
@click.option("--site-range", "ranges", multiple=True, help="A network of the site (CIDR) that pods must reach.")
@click.option("--node-port", "node_ports", type=int, multiple=True, help="A port of nodes that a Service is to have.")
@click.option("--storage-class", "classes", multiple=True, help="A class whose volumes must keep a file.")
@click.option("--image", "images", multiple=True, help="An image that nodes must be able to fetch.")
@click.option("--mount", "mounts", multiple=True, help="A folder that the kubelet of a node must see.")
@click.option(
    "--image-gib", type=int, default=20, show_default=True, help="GiB that each node must have left for images."
)
@click.option(
    "--probe-image",
    "probe",
    default="docker.io/library/busybox:1.36",
    show_default=True,
    help="What the checks' pods run.",
)
@click.option("--wait-seconds", type=int, default=120, show_default=True, help="How long each of those pods may take.")
def doctor(as_json: bool, on_cluster: bool, **asked: Any) -> None:
    """The same with version, how each was checked and what mends it; then the machine it stands on, or a cluster."""
    from app.doctor import Verdict, examine
    from app.status import statuses

    if on_cluster:
        _doctor_of_cluster(as_json, asked)
        return
    components, machine = statuses(), examine()
    if as_json:
        both = {"components": [asdict(one) for one in components], "machine": [asdict(one) for one in machine]}
        click.echo(json.dumps(both, indent=1))
    for one in [] if as_json else components:
        memory = f"{one.memory_mib} MiB"
        click.echo(LINE.format(name=one.name, state=one.state, memory=memory, since=one.since or "–", what=one.what))
        click.echo(f"         {one.version}; {one.checked}" + (f"\n         mend: {one.mend}" if one.mend else ""))
    for finding in [] if as_json else machine:
        _tell_finding(finding)
    if any(one.state != "up" for one in components) or any(one.verdict is Verdict.BAD for one in machine):
        sys.exit(1)


def _tell_finding(one: "Finding") -> None:
    mend = f"\n                          mend: {one.mend}" if one.mend else ""
    click.echo(f"{one.name:<18} {one.verdict.value:<5} {one.found}{mend}")


def _doctor_of_cluster(as_json: bool, asked: dict[str, Any]) -> None:
    from app.deploying.checking import Asked, check_cluster
    from app.deploying.kubectl import check_kubectl
    from app.doctor import Verdict

    check_kubectl()
    found = []
    for one in check_cluster(Asked(**asked)):
        found.append(one)
        if not as_json:
            _tell_finding(one)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=1))
    if any(one.verdict is Verdict.BAD for one in found):
        sys.exit(1)


@main.command()
@click.argument("name")
def restart(name: str) -> None:
    """Restart one component."""
    from app.components import component, components
    from app.supervisor import SupervisorSilent, running
    from app.supervisor import restart as again
    from app.up import wait_for
    from atrium.home import get_home
    from atrium.identity import platform_actor
    from monitoring.watch import note_restart

    names = [one.name for one in components()]
    if name not in names:
        raise click.UsageError(f"component {name!r}: there are {', '.join(names)}")
    if not running(get_home()):
        raise SupervisorSilent(f"component {name!r}", "the supervisor must run", "run make up")
    note_restart(platform_actor("cli"), name)
    again(component(name))
    wait_for(component(name))
    click.echo(f"{name} answers.")


@main.group()
def user() -> None:
    """People who may sign in."""


@user.command("password")
@click.argument("name")
@click.password_option()
def user_password(name: str, password: str) -> None:
    """Set somebody's password, for example a forgotten one; their sessions end."""
    import tenancy
    from atrium.identity import platform_actor

    tenancy.set_password(platform_actor("cli"), name, password)
    click.echo("The password was changed.")


@main.group()
def project() -> None:
    """Projects: namespaces in every back end."""


@project.command("create")
@click.argument("name")
@click.option("--title", default="", help="Its title on the pages; its name by default.")
def create_project(name: str, title: str) -> None:
    """Make a project; the administrator is its admin."""
    import tenancy
    from atrium.identity import Actor, Kind

    tenancy.create_project(Actor("admin", Kind.PLATFORM, administrator=True), name, title)
    click.echo(f"Project {name} was made.")


@main.group()
def token() -> None:
    """Tokens for interfaces."""


@token.command("create")
@click.argument("name")
@click.option("--project", "projects", multiple=True, help="A project that the token is for; may be repeated.")
@click.option(
    "--administrator", is_flag=True, help="A token that administers the platform, for Prometheus for example."
)
@click.option("--user", default="admin", show_default=True, help="Whose token it is.")
@click.option("--days", default=90.0, show_default=True, help="Days until it expires.")
def create_token(name: str, projects: tuple[str, ...], administrator: bool, user: str, days: float) -> None:
    """Print a new token's text."""
    import tenancy
    from atrium.identity import Actor, Kind

    who = Actor(user, Kind.PLATFORM, administrator=True)
    click.echo(tenancy.create_token(who, name, list(projects), days, administrator)[1])


@main.command()
@click.argument("pipeline")
@click.option("--project", required=True)
@click.option("-p", "parameters", multiple=True, help="key=value; may be repeated.")
@click.option(
    "--cluster", default="", help="The connected cluster whose Argo runs it; the platform's own server by default."
)
@click.option("--watch", "watching", is_flag=True, help="Wait and print each step.")
def run(pipeline: str, project: str, parameters: tuple[str, ...], cluster: str, watching: bool) -> None:
    """Run a pipeline as the administrator."""
    import workflows
    from app.examples import watch
    from atrium.identity import Actor, Kind

    wrong = [one for one in parameters if "=" not in one]
    if wrong:
        raise click.UsageError(f"parameter {wrong[0]!r}: write key=value")
    who = Actor("admin", Kind.PLATFORM, administrator=True)
    name = workflows.run_pipeline(who, project, pipeline, dict(one.split("=", 1) for one in parameters), cluster)
    click.echo(name)
    if watching:
        watch(who, project, name)


@main.command()
@click.argument("run_name", metavar="RUN")
@click.option("--project", required=True)
def logs(run_name: str, project: str) -> None:
    """Print what a run's steps wrote."""
    import workflows
    from atrium.identity import platform_actor

    for pod, line in workflows.run_logs(platform_actor("cli"), project, run_name):
        click.echo(f"{pod}: {line}")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Tell what would change, and change nothing.")
def apply(folder: Path, dry_run: bool) -> None:
    """Bring projects, templates, pipelines, services and demos to what a FOLDER of YAML says; deletes nothing."""
    from app import apply as applying
    from app.declared import read_folder
    from atrium.identity import Actor, Kind

    who, declared = Actor("admin", Kind.PLATFORM, administrator=True), read_folder(folder)
    steps = applying.plan(who, declared)
    for step in steps:
        click.echo(f"  {step.change.value:<13} {step.object}")
    changing = [step for step in steps if step.change in (applying.Change.CREATE, applying.Change.CHANGE)]
    if dry_run or not changing:
        click.echo(f"{len(changing)} of {len(steps)} would change." if changing else "Nothing is to be changed.")
        return
    applying.apply(who, declared, steps)
    click.echo(f"{len(changing)} of {len(steps)} were changed.")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--project", "projects", multiple=True, help="A project; may be repeated. All by default.")
def export(folder: Path, projects: tuple[str, ...]) -> None:
    """Write projects into a FOLDER of YAML that `apply` reads; secrets by their names alone."""
    import tenancy
    from app.declared import present, write_folder
    from atrium.identity import Actor, Kind

    who = Actor("admin", Kind.PLATFORM, administrator=True)
    names = list(projects) or [one.name for one in tenancy.list_projects(who)]
    for name in names:
        tenancy.get_project(who, name)
    written = write_folder(folder, [present(who, name) for name in names])
    click.echo(f"{len(written)} files were written to {folder}.")


@main.command()
@click.argument("object", metavar="OBJECT")
@click.option("--project", default="", help="The project of a run or service.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def why(object: str, project: str, as_json: bool) -> None:
    """Tell why run/NAME, service/NAME, component/NAME or alert/NUMBER fails or waits, and what to do next."""
    import monitoring
    from atrium.identity import platform_actor
    from monitoring.routes import in_words

    if object.partition("/")[0] in ("run", "service") and not project:
        raise click.UsageError(f"{object}: name its project with --project")
    found = in_words(monitoring.why(platform_actor("cli"), project, object))
    if as_json:
        click.echo(found.model_dump_json(indent=1))
        return
    click.echo(f"{found.object} is {found.state}: {found.because}.")
    for one in found.evidence:
        click.echo(f"- {one.said}" + (":" if one.text else ""))
        for line in one.text.splitlines():
            click.echo(f"    {line}")
    for step in found.next_steps:
        click.echo(f"next: {step.said}" + (f"  ({step.command})" if step.command else ""))


for command in (schedule, image, images, cluster, cluster_up, cluster_data, cluster_route, backup, restore, step_back):
    main.add_command(command)


if __name__ == "__main__":
    main()
