"""`atrium up` and `down`: from installed packages to a live model, or to a quiet machine."""

import contextlib
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from sqlalchemy import select

import tenancy
from app import supervisor
from app.components import Component, components
from app.migrate import upgrade
from atrium.database import reading
from atrium.errors import AtriumError, Conflict, Unavailable
from atrium.home import get_home
from atrium.identity import platform_actor
from atrium.settings import get_settings
from tenancy.models import UserRow

ADMIN = "admin"
POLL_SECONDS = 0.2
PASSWORD_BYTES = 12
LEAST_FREE_BYTES = 512 * 1024 * 1024


class PortTaken(Conflict):
    """A port that the front door needs is somebody else's."""


class DiskFull(Unavailable):
    """Too little room for the home."""


@contextlib.contextmanager
def stage(what: str) -> Iterator[None]:
    """Prints a stage with the seconds that it took."""
    begun = time.monotonic()
    click.echo(f"  {what} …", nl=False)
    try:
        yield
    except BaseException:
        click.echo(" failed")
        raise
    click.echo(f" {time.monotonic() - begun:.1f} s")


def check_ports() -> None:
    """Raises `PortTaken` where somebody else listens on the front door's ports."""
    settings = get_settings()
    for name, port in (("ATRIUM_PORT", settings.port), ("ATRIUM_CONTENT_PORT", settings.content_port_or_next)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.bind, port))
            except OSError as error:
                raise PortTaken(
                    f"port {port} on {settings.bind} ({error.strerror})", "it must be free",
                    f"stop what listens there (ss -ltnp 'sport = :{port}'), or set {name} to another port",
                ) from error  # fmt: skip


def check_disk() -> None:
    """Raises `DiskFull` where the home's disk has less than 512 MiB left."""
    import shutil

    free = shutil.disk_usage(get_home().root).free
    if free < LEAST_FREE_BYTES:
        raise DiskFull(
            f"{free // 2**20} MiB left for {get_home().root}",
            "at least 512 MiB",
            "free some, or set ATRIUM_HOME elsewhere",
        )


def _first_password() -> Path:
    return get_home().keys / "first-password"


def ensure_administrator() -> str | None:
    """Makes the administrator where there is none; returns the generated password as long as it was not shown, else None.

    It waits in a file of mode 0600, so that a set-up that is cut off does not lose it; showing it removes the file.
    """
    with reading() as session:
        if session.scalar(select(UserRow.name).where(UserRow.administrator).limit(1)):
            return _first_password().read_text() if _first_password().exists() else None
    given = get_settings().admin_password
    password = given.get_secret_value() if given else secrets.token_urlsafe(PASSWORD_BYTES)
    if not given:
        _first_password().touch(mode=0o600)
        _first_password().write_text(password)
    tenancy.create_user(platform_actor("setup"), ADMIN, password, administrator=True)
    return None if given else password


def wait_for(one: Component) -> None:
    """Waits until a component answers. Raises what its check says after its time."""
    due = time.monotonic() + one.seconds_to_start
    while True:
        try:
            one.check()
            return
        except AtriumError:
            if time.monotonic() > due:
                raise
        time.sleep(POLL_SECONDS)


def start_everything() -> bool:
    """Brings everything up and waits for it; False where everything ran already.

    Raises:
        PortTaken, DiskFull; what a component's check says.
    """
    home = get_home()
    upgrade_needed = not supervisor.running(home)
    if upgrade_needed:
        check_disk()
        check_ports()
        with stage("database"):
            upgrade()
        with stage("processes"):
            supervisor.start()
    for one in components():
        if upgrade_needed:
            with stage(f"{one.name}: {one.what}"):
                wait_for(one)
        else:
            wait_for(one)
    return upgrade_needed


def save_times(name: str, seconds: float) -> None:
    """Notes how long a stage took, for the figures."""
    path: Path = get_home().root / "times.txt"
    with path.open("a") as file:
        file.write(f"{name} {seconds:.1f}\n")


def up(examples: Callable[[], None] | None) -> None:
    """Starts everything, runs the examples the first time, and tells the addresses."""
    begun, settings = time.monotonic(), get_settings()
    click.echo(f"Atrium, home {get_home().root}")
    if not supervisor.running(get_home()):
        upgrade()
    password = ensure_administrator()
    changed = start_everything()
    if examples:
        examples()
    if not changed and password is None:
        click.echo("Everything runs already; nothing was changed.")
    save_times("up", time.monotonic() - begun)
    click.echo(f"\n  Address        {settings.public_url}")
    click.echo(f"  Administrator  {ADMIN}" + (f"   password {password}   (shown once)" if password else ""))
    _first_password().unlink(missing_ok=True)
    for title, address in live_addresses():
        click.echo(f"  {title:<14} {address}")


def live_addresses() -> list[tuple[str, str]]:
    """What is live: services and demos of the projects, by title and address."""
    import serving

    who = platform_actor("setup")
    found = []
    for project in tenancy.list_projects(who):
        for service in serving.list_services(who, project.name):
            if service.live_version:
                found.append(("Live model", f"{service.address}   version {service.live_version}"))
        found += [("Demo", demo.address) for demo in serving.list_demos(who, project.name)]
    return found


def down() -> None:
    """Stops everything."""
    click.echo("Stopped." if supervisor.stop() else "Nothing ran.")
