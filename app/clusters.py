"""`atrium cluster`: Kubernetes clusters whose Argo runs pipelines."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atrium.home import get_home
from atrium.identity import platform_actor
from atrium.settings import get_settings

if TYPE_CHECKING:
    import workflows

KUBECONFIG = click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Its current context is taken.",
)


@click.group()
def cluster() -> None:
    """Kubernetes clusters whose Argo runs pipelines too."""


def _namespaces(projects: tuple[str, ...]) -> dict[str, str]:
    """PROJECT or PROJECT=NAMESPACE, each."""
    pairs = [one.partition("=") for one in projects]
    return {project: namespace or project for project, _equals, namespace in pairs}


@cluster.command()
@click.argument("name")
@KUBECONFIG
@click.option("--argo-url", required=True, help="The Argo Server's address, for example https://argo.example:2746.")
@click.option("--argo-unchecked", is_flag=True, help="Take whatever certificate the Argo Server shows.")
@click.option(
    "--project", "projects", multiple=True, metavar="PROJECT[=NAMESPACE]", help="Who may use it; may be repeated."
)
def add(name: str, kubeconfig: Path, argo_url: str, argo_unchecked: bool, projects: tuple[str, ...]) -> None:
    """Connect a cluster as NAME."""
    import workflows

    who = platform_actor("cli")
    workflows.add_cluster(who, name, kubeconfig.read_text(), argo_url, _namespaces(projects), not argo_unchecked)
    click.echo(f"Cluster {name} is connected.")
    _tell(name)


@cluster.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_clusters(as_json: bool) -> None:
    """List the connected clusters, when each last answered, and which other projects it has."""
    import workflows

    if as_json:
        found = workflows.list_clusters(platform_actor("cli"))
        click.echo(json.dumps([asdict(one) for one in found], indent=1, default=str))
    for line in [] if as_json else connected():
        click.echo(line)


def connected() -> Iterator[str]:
    """Lines about the connected clusters: when each last answered, and which other projects it has; none before there is a database."""
    import workflows

    if not get_settings().database and not get_home().database.exists():
        return
    for one in workflows.list_clusters(platform_actor("cli")):
        heard = f"{one.heard_at:%Y-%m-%d %H:%M:%S}" if one.heard_at else "not heard yet"
        projects = ", ".join(f"{project}={namespace}" for project, namespace in one.projects.items()) or "no project"
        yield f"{one.name:<20} {one.version or '–':<12} {heard:<20} {one.server}  {projects}"
        yield from (f"{'':<20} {line}" for line in (one.problem, *has(one)) if line)


def has(one: "workflows.ClusterView") -> Iterator[str]:
    """What of the known projects a cluster has, a line for each way in which it is used or not."""
    for use in dict.fromkeys(each.use for each in one.detected):
        told = [_named(each, one.argo_version) for each in one.detected if each.use == use]
        yield f"{use}: {', '.join(told)}"


def _named(each: "workflows.Detected", argo_version: str) -> str:
    if each.use == "too old":
        return f"{each.name} (has {', '.join(each.versions)}, {each.needed} is needed)"
    return f"{each.name} {argo_version}".strip() if each.name == "Argo Workflows" else each.name


@cluster.command()
@click.argument("name")
def check(name: str) -> None:
    """Check API server, Argo's types, every right, and the Argo Server; exits 1 where something lacks."""
    if not _tell(name):
        sys.exit(1)


def _tell(name: str) -> bool:
    import workflows

    found = workflows.check_cluster(platform_actor("cli"), name)
    for one in found:
        click.echo(
            f"{'good' if one.good else 'BAD ':<5} {one.name}: {one.found}"
            + (f"\n      mend: {one.mend}" if one.mend else "")
        )
    return all(one.good for one in found)


@cluster.command()
@click.argument("name")
@click.argument("project", metavar="PROJECT[=NAMESPACE]")
def allow(name: str, project: str) -> None:
    """Let a project use the cluster NAME, in the namespace of its own name or the one given."""
    import workflows

    [(own, namespace)] = _namespaces((project,)).items()
    workflows.allow_project(platform_actor("cli"), name, own, namespace)
    click.echo(f"Project {own} may use namespace {namespace} of {name}.")


@cluster.command()
@click.argument("name")
@KUBECONFIG
def renew(name: str, kubeconfig: Path) -> None:
    """Take another credential for the cluster NAME."""
    import workflows

    workflows.renew_cluster(platform_actor("cli"), name, kubeconfig.read_text())
    _tell(name)


@cluster.command()
@click.argument("name")
def remove(name: str) -> None:
    """Disconnect the cluster NAME; what runs there goes on."""
    import workflows

    workflows.remove_cluster(platform_actor("cli"), name)
    click.echo(f"Cluster {name} is no longer connected.")
