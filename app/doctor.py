"""What of the machine the platform stands on: each check says what it found and the command that mends it."""

import os
import shlex
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
from sqlalchemy import select

from app import supervisor
from app.door.certificate import CertificateUnusable, configured_pair
from app.setup.machine import GIB, LEAST_HOME_GIB, LEAST_MEMORY_GIB, available_memory_gib, free_gib, port_holder
from atrium.clock import now
from atrium.database import dialect, reading
from atrium.errors import AtriumError
from atrium.home import get_home
from atrium.objects import object_store
from atrium.settings import CHECKOUT, Settings, get_settings, unknown_settings
from feature_store import check_online_store
from workflows.engine.sandbox import sandbox_works

LOW_DISK_GIB = 5.0
LEAST_CLOCK_YEAR = 2026
SOON_DAYS = 14
FEW_FILES = 4096


class Verdict(StrEnum):
    """How a check ended; `warn` works but may trouble somebody."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One check of the machine: what was found, and a command or a sentence that mends it; empty where nothing must be."""

    name: str
    verdict: Verdict
    found: str
    mend: str = ""


def _good(name: str, found: str) -> Finding:
    return Finding(name, Verdict.OK, found)


def _sandbox() -> Finding:
    if sandbox_works():
        return _good("sandbox", "bubblewrap starts a process of its own here")
    if get_settings().argo_url:
        told = "bubblewrap cannot run here: steps run on the cluster, demos from one's own app.py are refused"
        return Finding("sandbox", Verdict.WARN, told, "none is needed for pipelines")
    if get_settings().steps_without_sandbox:
        return Finding("sandbox", Verdict.WARN, "bubblewrap cannot run; ATRIUM_STEPS_WITHOUT_SANDBOX lets steps run unprotected",
                       "sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0")  # fmt: skip
    return Finding("sandbox", Verdict.BAD, "bubblewrap cannot start a process, so steps are refused",
                   "sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0")  # fmt: skip


def _cgroup() -> Finding:
    for folder, kind in ((Path("/sys/fs/cgroup/memory"), "v1"), (Path("/sys/fs/cgroup"), "v2")):
        if folder.is_dir() and os.access(folder, os.W_OK):
            return _good("memory limits", f"cgroup {kind} at {folder} may be written: the kernel keeps steps' limits")
    return Finding("memory limits", Verdict.WARN, "no cgroup may be written: steps' memory is sampled, and a group over its limit ended",
                   f"systemd-run --user --scope -p Delegate=yes {shlex.join(['make', 'up'])}")  # fmt: skip


def _disk() -> Finding:
    folder, free = get_home().root, free_gib(get_home().root)
    if free < LEAST_HOME_GIB:
        return Finding(
            "disk",
            Verdict.BAD,
            f"{free:.1f} GiB are free for {folder}",
            f"du -xh --max-depth=2 {shlex.quote(str(folder))} | sort -h | tail",
        )
    if free < LOW_DISK_GIB:
        return Finding(
            "disk",
            Verdict.WARN,
            f"{free:.1f} GiB are free for {folder}",
            f"du -xh --max-depth=2 {shlex.quote(str(folder))} | sort -h | tail",
        )
    return _good("disk", f"{free:.0f} GiB are free for {folder}")


def _memory() -> Finding:
    free = available_memory_gib()
    if free < LEAST_MEMORY_GIB / 4:
        return Finding("memory", Verdict.BAD, f"{free:.1f} GiB are available", "ps -eo rss,pid,comm --sort=-rss | head")
    return _good("memory", f"{free:.1f} GiB of {psutil.virtual_memory().total / GIB:.0f} GiB are available")


def _clock() -> Finding:
    """A token's dates hold only where the clock is right; the home's newest file is the one witness that needs no network."""
    moment = now()
    newest = max((path.stat().st_mtime for path in get_home().root.iterdir()), default=0.0)
    if moment.year < LEAST_CLOCK_YEAR or moment.timestamp() < newest - 60:
        return Finding(
            "clock",
            Verdict.BAD,
            f"it says {moment:%Y-%m-%d %H:%M:%S} UTC, and files here are newer",
            "timedatectl set-ntp true",
        )
    return _good("clock", f"{moment:%Y-%m-%d %H:%M:%S} UTC, after everything in the home")


def _ports() -> Iterator[Finding]:
    settings, runs = get_settings(), supervisor.running(get_home())
    for name, port in (("ATRIUM_PORT", settings.port), ("ATRIUM_CONTENT_PORT", settings.content_port_or_next)):
        holder = port_holder(port)
        if "envoy" in holder and runs:
            yield _good(f"port {port}", f"{holder} listens on {settings.bind}")
        elif holder:
            yield Finding(
                f"port {port}",
                Verdict.BAD,
                f"it is held by {holder}",
                f"ss -ltnp 'sport = :{port}'   # stop that, or set {name}",
            )
        elif runs:
            yield Finding(
                f"port {port}", Verdict.BAD, "the front door does not listen there", f"{command()} restart door"
            )
        else:
            yield _good(f"port {port}", "free; nothing runs")


def _database() -> Finding:
    try:
        with reading() as session:
            session.execute(select(1))
    except AtriumError as error:
        return Finding("database", Verdict.BAD, error.asked, error.next_step)
    return _good("database", f"{dialect().shown} answers")


def _object_store() -> Finding:
    try:
        store = object_store()
        if store:
            store.check()
    except AtriumError as error:
        return Finding("artifacts", Verdict.BAD, error.asked, error.next_step)
    return _good(
        "artifacts", f"one object was written, read and deleted in {store.shown}" if store else "in the home's folder"
    )


def _online_store() -> Finding:
    try:
        place = check_online_store()
    except AtriumError as error:
        return Finding("online features", Verdict.BAD, error.asked, error.next_step)
    return _good("online features", f"{place} answers" if place else "in the projects' data folders (SQLite)")


def _names() -> Finding:
    """Browsers take every `*.localhost` for this machine themselves; other programs ask the resolver."""
    settings = get_settings()
    address = settings.content_address("demo", "project")
    if settings.content_url:
        return _good("demos' hosts", f"like {address}; they are to lead here by a wildcard entry of your DNS")
    return _good(
        "demos' hosts",
        f"like {address}: browsers find them here by themselves (Safari and curl may need --resolve or /etc/hosts)",
    )


def _certificate() -> Finding:
    try:
        pair = configured_pair()
    except CertificateUnusable as error:
        return Finding("certificate", Verdict.BAD, f"{error.asked}: {error.allowed}", error.next_step)
    if pair is None and get_settings().bind in ("127.0.0.1", "::1", "localhost"):
        return _good("certificate", "none is needed on loopback")
    if pair is None:
        found, mend = (
            "none: passwords and tokens cross the network in clear text",
            "set ATRIUM_TLS_CERT and ATRIUM_TLS_KEY",
        )
        return Finding("certificate", Verdict.WARN, found, mend)
    days = (pair.not_after - now()).days
    verdict = Verdict.WARN if days < SOON_DAYS else Verdict.OK
    mend = "renew it; the running door takes the new files by itself" if verdict is Verdict.WARN else ""
    return Finding("certificate", verdict, f"holds {days} days more, for {', '.join(pair.names) or 'no names'}", mend)


def _secrets() -> Finding:
    home = get_home()
    loose = [path for path in home.keys.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if loose:
        return Finding(
            "keys",
            Verdict.BAD,
            f"others may read {', '.join(path.name for path in loose)}",
            f"chmod 600 {shlex.join(map(str, loose))}",
        )
    return _good("keys", f"{len(list(home.keys.iterdir()))} keys, each for its owner alone")


def _unknown() -> Finding:
    names = unknown_settings()
    if not names:
        return _good("settings", "every ATRIUM_ variable is one that is known")
    close = {
        name: get_close_matches(name, [f"ATRIUM_{one.upper()}" for one in Settings.model_fields], 1) for name in names
    }
    told = ", ".join(name + (f" (meant {found[0]}?)" if found else "") for name, found in close.items())
    return Finding("settings", Verdict.WARN, f"nobody reads {told}", f"unset {' '.join(names)}")


def _files() -> Finding:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FEW_FILES:
        return Finding(
            "open files",
            Verdict.WARN,
            f"a process may open {soft}",
            f"ulimit -n {min(hard, 65536)}   # then make down; make up",
        )
    return _good("open files", f"a process may open {soft}")


def _seams() -> Iterator[Finding]:
    settings = get_settings()
    for name in ("argo_url", "mlflow_url", "triton_url", "prometheus_url"):
        address = str(getattr(settings, name))
        if not address:
            continue
        checked = settings.argo_checked if name == "argo_url" else True
        try:
            asked = httpx.get(address, timeout=5, trust_env=False, follow_redirects=False, verify=checked)
            status = asked.status_code
            yield _good(f"ATRIUM_{name.upper()}", f"{urlsplit(address).netloc} answers ({status})")
        except httpx.HTTPError as error:
            yield Finding(
                f"ATRIUM_{name.upper()}",
                Verdict.BAD,
                f"{address} does not answer: {error}",
                f"curl -v {shlex.quote(address)}",
            )


def command() -> str:
    """The command line of this checkout, so that what is printed works when it is copied, from any folder."""
    home = get_settings().home
    prefix = f"ATRIUM_HOME={shlex.quote(str(home))} " if os.environ.get("ATRIUM_HOME") else ""
    found = CHECKOUT / ".venv" / "bin" / "atrium"
    return prefix + shlex.quote(str(found if found.exists() else shutil.which("atrium") or found))


CHECKS: tuple[Callable[[], Finding], ...] = (
    _sandbox,
    _cgroup,
    _disk,
    _memory,
    _clock,
    _files,
    _secrets,
    _database,
    _object_store,
    _online_store,
    _certificate,
    _names,
    _unknown,
)


def examine() -> list[Finding]:
    """Every check of the machine; takes about 5 seconds at most."""
    return [*(check() for check in CHECKS), *_ports(), *_seams()]
