"""`atrium image`: environments of this machine that stand for images."""

import click

from atrium.identity import platform_actor


@click.group()
def image() -> None:
    """Environments of this machine that stand for a step's image."""


@image.command()
@click.argument("name")
@click.argument("path")
@click.option(
    "--kind", type=click.Choice(["venv", "rootfs", "oci"]), default="venv", show_default=True, help="What PATH is."
)
@click.option("--exact/--inexact", default=True, show_default=True, help="Whether it is what NAME says.")
def add(name: str, path: str, kind: str, exact: bool) -> None:
    """Have the folder PATH stand for the image NAME, for example 'team/torch:*'.

    With --kind oci PATH is the name of an image that podman, docker or nerdctl of this machine has; it is copied.
    """
    import workflows

    workflows.add_image(platform_actor("cli"), name, kind, path, exact)
    click.echo(f"{path} stands for {name} in steps that are submitted from now on.")


@image.command("list")
def list_images() -> None:
    """List the registered images."""
    import workflows

    for one in workflows.list_images(platform_actor("cli")):
        exactly = "exact" if one.exact else "inexact"
        click.echo(
            f"{one.name:<32} {one.kind:<7} {exactly:<8} {one.path}  ({one.added_by}, {one.added_at:%Y-%m-%d %H:%M})"
        )


@image.command()
@click.argument("name")
def remove(name: str) -> None:
    """Unregister the image NAME; its folder stays, the copy of a runtime's image goes."""
    import workflows

    workflows.remove_image(platform_actor("cli"), name)
    click.echo(f"Nothing registered stands for {name} any more.")
