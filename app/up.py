"""`atrium up` and `down`: from installed packages to a live model, or to a quiet machine."""

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import click
from sqlalchemy import select

import tenancy
from app import supervisor
from app.checks import check_start, hold_home, one_at_a_time
from app.components import Component, components
from app.migrate import upgrade
from atrium.database import reading
from atrium.errors import AtriumError, Unavailable
from atrium.home import get_home
from atrium.identity import platform_actor
from atrium.keys import make_keys
from atrium.settings import get_settings
from tenancy.models import UserRow

ADMIN = "admin"
POLL_SECONDS = 0.2
PASSWORD_BYTES = 12
LONGEST_START_SECONDS = 300
MOST_STARTS = 3
LAST_LINES = 8


class ComponentEnds(Unavailable):
    """A component ends again and again."""


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
    try:
        tenancy.create_user(platform_actor("setup"), ADMIN, password, administrator=True)
    except tenancy.UserExists:  # another replica, which starts at this moment, was first
        _first_password().unlink(missing_ok=True)
        return None
    return None if given else password


def wait_for(one: Component) -> None:
    """Waits until a component answers.

    Raises:
        ComponentEnds: it was started three times and ended each time; what its check says after 5 minutes.
    """
    due, starts = time.monotonic() + LONGEST_START_SECONDS, set()
    while True:
        try:
            one.check()
            return
        except AtriumError:
            if time.monotonic() > due:
                raise
        starts.add(int(supervisor.processes().get(one.name, {}).get("pid") or 0))
        if len(starts - {0}) > MOST_STARTS:
            raise ComponentEnds(
                f"component {one.name!r} ends as soon as it is started; its last words:\n{last_words(one.name)}",
                "every component must run",
                f"mend what they say and run make up again; all of it is in {get_home().logs}/{one.name}.log",
            )
        time.sleep(POLL_SECONDS)


def last_words(name: str) -> str:
    """The last lines of a component's log."""
    path = get_home().logs / f"{name}.log"
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return "\n".join(f"    {line}" for line in lines[-LAST_LINES:])


def start_everything() -> bool:
    """Brings everything up and waits for it; False where everything ran already.

    Raises:
        SupervisorSilent; what a component's check says.
    """
    fresh = not supervisor.running(get_home())
    if fresh:
        with stage("processes"):
            supervisor.start()
    for one in components():
        if fresh:
            with stage(f"{one.name}: {one.what}"):
                wait_for(one)
        else:
            wait_for(one)
    return fresh


def _make_ready() -> None:
    check_start()
    make_keys()
    get_home().loaded.unlink(missing_ok=True)
    upgrade()


def save_times(name: str, seconds: float) -> None:
    """Notes how long a stage took, for the figures."""
    path: Path = get_home().root / "times.txt"
    with path.open("a") as file:
        file.write(f"{name} {seconds:.1f}\n")


def up(examples: Callable[[], bool] | None) -> None:
    """Starts everything, runs the examples the first time, and tells the addresses. `examples` tells whether it changed anything.

    Raises:
        StartsAlready; what `start_everything` raises.
    """
    begun, settings = time.monotonic(), get_settings()
    click.echo(f"Atrium, home {get_home().root}")
    with one_at_a_time():
        if not supervisor.running(get_home()):
            if left := supervisor.end_orphans(get_home()):
                click.echo(f"  ended {left} processes that a killed supervisor left behind")
            _make_ready()
        password = ensure_administrator()
        started = start_everything()
        changed = (examples() if examples else False) or started or password is not None
    if not changed:
        click.echo("Everything runs already; nothing was changed.")
    save_times("up", time.monotonic() - begun)
    click.echo(f"\n  Address        {settings.public_url}")
    click.echo(f"  Administrator  {ADMIN}" + (f"   password {password}   (shown once)" if password else ""))
    _first_password().unlink(missing_ok=True)
    for title, address in live_addresses():
        click.echo(f"  {title:<14} {address}")


def serve() -> NoReturn:
    """Makes the home ready and becomes the supervisor: what a container runs. A generated password waits in the home.

    An earlier container that has not ended yet is waited for: two platforms never share a home.

    Raises:
        StartsAlready, DiskFull, PortTaken, CertificateUnusable.
    """
    home = get_home()
    held = hold_home(lambda: click.echo(f"waits until the platform that still runs on {home.root} has ended"))
    with one_at_a_time():
        _make_ready()
        password = ensure_administrator()
    click.echo(f"Atrium, home {home.root}, address {get_settings().public_url}")
    if password:
        click.echo(f"The first password of {ADMIN} is in {_first_password()}; delete that file when you have read it")
    supervisor.become(held)


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
    with one_at_a_time():
        click.echo("Stopped." if supervisor.stop() else "Nothing ran.")
