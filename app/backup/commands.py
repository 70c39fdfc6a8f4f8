"""`atrium backup`, `restore` and `step-back`."""

from pathlib import Path

import click

from atrium.identity import platform_actor

MIB = 2**20
FILE = click.Path(path_type=Path, dir_okay=False)
PASSPHRASE_FILE = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with the passphrase.",
)


def _passphrase(from_file: Path | None, without_keys: bool, twice: bool) -> str | None:
    if from_file and without_keys:
        raise click.UsageError(
            "--passphrase-file and --without-keys exclude each other: the passphrase is for the keys"
        )
    if without_keys:
        return None
    if from_file:
        return from_file.read_text().rstrip("\n")
    return str(click.prompt("Passphrase of the keys", hide_input=True, confirmation_prompt=twice))


@click.command()
@click.argument("file", type=FILE)
@PASSPHRASE_FILE
@click.option("--without-keys", is_flag=True, help="Leave the keys out, and with them secrets and tokens.")
@click.option("--artifacts", type=click.Choice(["copy", "reference"]), default="copy", show_default=True,
              help="Copy artifacts of runs and models, or name them only.")  # fmt: skip
def backup(file: Path, passphrase_file: Path | None, without_keys: bool, artifacts: str) -> None:
    """Write everything that the platform keeps to FILE, while it runs."""
    from app.backup.writing import write_backup

    secret = _passphrase(passphrase_file, without_keys, twice=True)
    made = write_backup(platform_actor("cli"), file.absolute(), secret, artifacts == "copy")
    click.echo(
        f"{made.path}: {made.files} files, {made.bytes / MIB:.1f} MiB, packed {made.path.stat().st_size / MIB:.1f} MiB."
    )
    if secret is None:
        click.echo("The keys are not in it: after a restore tokens have ended and secrets must be set again.")


@click.command()
@click.argument("file", type=FILE)
@PASSPHRASE_FILE
@click.option("--without-keys", is_flag=True, help="Make new keys: tokens end, secrets must be set again.")
def restore(file: Path, passphrase_file: Path | None, without_keys: bool) -> None:
    """Fill the empty home with what the backup FILE holds; then run make up."""
    from app.backup.restoring import restore_backup
    from feature_store import check_online_store

    secret = _passphrase(passphrase_file, without_keys, twice=False)
    made = restore_backup(platform_actor("cli"), file.absolute(), secret)
    click.echo(f"{made.files} files of {made.created_at[:19]} (Atrium {made.version}) are back. Start with: make up")
    if made.objects:
        click.echo(f"Artifacts stayed in {made.objects}: they are not in a backup.")
    if place := check_online_store():
        click.echo(
            f"Newest values of features are in {place}, not in a backup: bring them online again (page Features)."
        )
    if not made.keys:
        click.echo("New keys are made: tokens have ended, and secrets must be set again.")


@click.command("step-back")
@click.argument("revision")
def step_back(revision: str) -> None:
    """Take the database back to an older REVISION, before an older version of Atrium starts on it; stop everything first."""
    from app.checks import one_at_a_time
    from app.migrate import step_back as back
    from app.supervisor import running
    from atrium.home import get_home

    with one_at_a_time():
        if running(get_home()):
            raise click.ClickException("everything must be stopped first: make down")
        back(platform_actor("cli"), revision)
    click.echo(f"The database is at revision {revision}; a copy of it as it was is in {get_home().root}/backups.")
