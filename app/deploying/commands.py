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
@click.option(
    "--part", default="", help="Install or upgrade this part alone: platform, redis, postgres, argo-workflows …"
)
@click.option("--remove", default="", help="Remove this part alone; its volume claims and secrets stay.")
def cluster_up(
    overlay: str,
    releases: str,
    only_plan: bool,
    wait_seconds: int,
    registry: str,
    lock: Path | None,
    authfile: Path | None,
    part: str,
    remove: str,
) -> None:
    """Put Atrium on the Kubernetes cluster that KUBECONFIG names: detect, plan, apply, wait; may be repeated."""
    from app.deploying.apart import install_part, remove_part
    from app.deploying.up import Registry, bring_up

    if part and remove:
        raise click.UsageError("name one of --part and --remove")
    if part:
        return install_part(part, overlay, releases, only_plan, wait_seconds, Registry(registry, lock, authfile))
    if remove:
        return remove_part(remove, releases, only_plan, wait_seconds)
    return bring_up(overlay, releases, only_plan, wait_seconds, Registry(registry, lock, authfile))


@click.command("cluster-data")
@click.argument("project")
def cluster_data(project: str) -> None:
    """Give a project's steps on the cluster its folder of the shared data volume; may be repeated."""
    from app.deploying.data import CLAIM, share_data

    click.echo(f"steps of project {project} find its data in {share_data(project)}, by the claim {project}/{CLAIM}")


@click.command("cluster-route")
@click.option("--host", required=True, help="Host name under which people reach the portal.")
@click.option("--content-host", required=True, help="Wildcard of demos and reports: '*.demos.site'.")
@click.option("--gateway", default="", help="NAMESPACE/NAME of a Gateway of the cluster's Gateway API.")
@click.option("--ingress-class", default="", help="Class of an Ingress, where there is no Gateway.")
@click.option("--tls-secret", default="", help="Secret of the Ingress' certificate, in the platform's namespace.")
@click.option("--plan", "only_plan", is_flag=True, help="Show the plan and change nothing.")
def cluster_route(
    host: str, content_host: str, gateway: str, ingress_class: str, tls_secret: str, only_plan: bool
) -> None:
    """Lead a site's Gateway or Ingress on the cluster to the door; may be repeated."""
    from app.deploying.kubectl import apply, check_kubectl
    from app.deploying.routes import check_gateway, http_routes, ingress
    from app.deploying.up import show

    if bool(gateway) == bool(ingress_class) or (gateway and gateway.count("/") != 1):
        raise click.UsageError("name one of --gateway NAMESPACE/NAME and --ingress-class CLASS")
    check_kubectl()
    if gateway:
        check_gateway(*gateway.split("/"))
    objects = (
        http_routes(gateway, host, content_host)
        if gateway
        else [ingress(ingress_class, host, content_host, tls_secret)]
    )
    show(objects)
    if not only_plan:
        apply(objects)
        click.echo(f"led there; set ATRIUM_PUBLIC_HOST={host} and ATRIUM_CONTENT_URL in the ConfigMap atrium-settings")
