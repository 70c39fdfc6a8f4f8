"""`atrium cluster-up` and `atrium cluster-data`."""

import click


@click.command("cluster-up")
@click.argument("overlay", default="minimal")
@click.option(
    "--releases", default="", help="Folder or address that holds other projects' releases, for what is missing."
)
@click.option("--plan", "only_plan", is_flag=True, help="Show the plan and change nothing.")
@click.option("--wait-seconds", default=900, show_default=True, help="How long each part may take until it answers.")
def cluster_up(overlay: str, releases: str, only_plan: bool, wait_seconds: int) -> None:
    """Put Atrium on the Kubernetes cluster that KUBECONFIG names: detect, plan, apply, wait; may be repeated."""
    from app.deploying.up import bring_up

    bring_up(overlay, releases, only_plan, wait_seconds)


@click.command("cluster-data")
@click.argument("project")
def cluster_data(project: str) -> None:
    """Give a project's steps on the cluster its folder of the shared data volume; may be repeated."""
    from app.deploying.data import CLAIM, share_data

    click.echo(f"steps of project {project} find its data in {share_data(project)}, by the claim {project}/{CLAIM}")
