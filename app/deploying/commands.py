"""`atrium cluster-up` and `atrium cluster-data`."""

from pathlib import Path

import click


@click.command("cluster-up")
@click.argument("overlay", default="minimal")
@click.option(
    "--releases", default="", help="Folder or address that holds other projects' releases, for what is missing."
)
@click.option("--plan", "only_plan", is_flag=True, help="Show the plan and change nothing.")
@click.option("--wait-seconds", default=900, show_default=True, help="How long each part may take until it answers.")
@click.option(
    "--registry", default="", help="Private registry (host:port) from which every image comes; see `atrium images`."
)
@click.option(
    "--lock", type=click.Path(path_type=Path), default=None, help="Lock of its images; images.lock.yaml of this folder."
)
@click.option(
    "--authfile",
    type=click.Path(exists=True, path_type=Path),
    default=None,
    help="Its credentials, for the pull secrets.",
)
def cluster_up(
    overlay: str,
    releases: str,
    only_plan: bool,
    wait_seconds: int,
    registry: str,
    lock: Path | None,
    authfile: Path | None,
) -> None:
    """Put Atrium on the Kubernetes cluster that KUBECONFIG names: detect, plan, apply, wait; may be repeated."""
    from app.deploying.up import Registry, bring_up

    bring_up(overlay, releases, only_plan, wait_seconds, Registry(registry, lock, authfile))


@click.command("cluster-data")
@click.argument("project")
def cluster_data(project: str) -> None:
    """Give a project's steps on the cluster its folder of the shared data volume; may be repeated."""
    from app.deploying.data import CLAIM, share_data

    click.echo(f"steps of project {project} find its data in {share_data(project)}, by the claim {project}/{CLAIM}")
