"""One supervisor over all processes: supervisord with a generated configuration, spoken to over its Unix socket."""

import contextlib
import http.client
import os
import shlex
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

import psutil

from app.components import Component, components, python_binary
from atrium.errors import Unavailable
from atrium.home import Home, get_home
from atrium.metrics import own_prometheus_file
from atrium.settings import CHECKOUT

STOP_SECONDS = 30
SECRET_SETTINGS = ("ATRIUM_ADMIN_PASSWORD",)  # no component needs it
ORPHAN_SECONDS = 8
KEPT_FD = 3  # supervisord closes what is open from 5 on when it starts, and all from 3 on in what it starts
HEAD = """\
[supervisord]
nodaemon=false
pidfile={run}/supervisord.pid
logfile={logs}/supervisord.log
logfile_maxbytes=5MB
logfile_backups=2
childlogdir={logs}
umask=077
identifier=atrium-{instance}

[unix_http_server]
file={run}/supervisor.sock
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
PROGRAM = """
[program:{name}]
command={python} -m {module}
directory={checkout}
autostart=true
autorestart=true
startsecs=1
startretries=1000000
stopwaitsecs=12
stopasgroup={as_group}
killasgroup={as_group}
redirect_stderr=true
stdout_logfile={logs}/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
"""
OUTLIVED = ("argo",)  # its steps go on while it restarts


class SupervisorSilent(Unavailable):
    """The supervisor does not answer."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("supervisor", timeout=STOP_SECONDS + 10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _Connection(self.path)


def configuration(home: Home) -> str:
    """The text of supervisord.conf for a home."""
    common = {
        "logs": home.logs,
        "run": home.run,
        "instance": home.instance,
        "checkout": CHECKOUT,
        "python": shlex.quote(python_binary()),
    }
    programs = [
        PROGRAM.format(name=one.name, module=one.module, as_group=str(one.name not in OUTLIVED).lower(), **common)
        for one in components()
    ]
    return (HEAD.format(**common) + "".join(programs)).replace("%", "%%")  # supervisord takes a single one for its own


def _proxy(home: Home) -> Any:
    return xmlrpc.client.ServerProxy(
        "http://supervisor", transport=_Transport(str(home.run / "supervisor.sock"))
    ).supervisor


def running(home: Home) -> bool:
    """Whether the supervisor answers."""
    try:
        _proxy(home).getState()
    except (OSError, xmlrpc.client.Error, http.client.HTTPException):
        return False
    return True


def end_orphans(home: Home) -> int:
    """Ends the processes that a killed supervisor left behind, which would hold ports and sockets; returns their number.

    They are still of its session. A step of a pipeline has a session of its own and goes on.
    """
    pidfile = home.run / "supervisord.pid"
    text = pidfile.read_text().strip() if pidfile.exists() else ""
    if not text.isdigit() or psutil.pid_exists(int(text)):
        return 0
    left = [one for one in psutil.process_iter() if _session(one.pid) == int(text)]
    for signal in (psutil.Process.terminate, psutil.Process.kill):
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                signal(one)
        _, alive = psutil.wait_procs(left, timeout=ORPHAN_SECONDS)
        if not alive:
            break
    return len(left)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def _command(home: Home) -> list[str]:
    path = home.root / "supervisord.conf"
    own_prometheus_file().unlink(missing_ok=True)  # the one that starts now writes it again, if there is one
    path.write_text(configuration(home))
    return [sys.executable, "-m", "supervisor.supervisord", "-c", str(path)]


def _for_components(environment: Mapping[str, str]) -> dict[str, str]:
    left_out = {*SECRET_SETTINGS, "PYTHONDONTWRITEBYTECODE"}  # what a dozen processes import is compiled once
    return {name: value for name, value in environment.items() if name not in left_out}


def keep_open(held: IO[str]) -> None:
    """Has an open file outlive the change into the supervisor, and be of no component."""
    os.dup2(held.fileno(), KEPT_FD)
    os.set_inheritable(KEPT_FD, True)  # dup2 leaves a file as it is that has this number already


def become(held: IO[str]) -> NoReturn:
    """Becomes the supervisor, which starts every component and ends with them when it is told to: a container's process.

    It keeps `held` open, a lock, and gives it to no component.
    """
    keep_open(held)
    command = [*_command(get_home()), "--nodaemon"]
    os.chdir(CHECKOUT)
    os.execve(command[0], command, _for_components(os.environ))  # noqa: S606  becomes it


def start(environment: Mapping[str, str] | None = None) -> None:
    """Starts the supervisor, which starts every component. Raises `SupervisorSilent` where it does not come up."""
    home = get_home()
    made = subprocess.run(
        _command(home),
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
        env=_for_components(environment or os.environ),
        stdin=subprocess.DEVNULL,
    )
    due = time.monotonic() + STOP_SECONDS
    while not running(home):
        if made.returncode or time.monotonic() > due:
            raise SupervisorSilent(
                f"supervisor of {home.root}",
                f"it said {made.stderr.strip()[:300]!r}",
                f"see {home.logs}/supervisord.log",
            )
        time.sleep(0.1)


def stop() -> bool:
    """Stops every component, the supervisor and the steps, which run again at the next start; False where none ran."""
    from workflows import end_keeper

    home = get_home()
    if not running(home):
        return end_keeper(home)
    proxy = _proxy(home)
    pid = int(proxy.getPID())
    proxy.stopAllProcesses()  # at once; its own shutdown stops one after the other, a second or more each
    proxy.shutdown()
    due = time.monotonic() + STOP_SECONDS * 2
    while Path(f"/proc/{pid}").exists() and time.monotonic() < due:
        time.sleep(0.1)
    end_keeper(home)
    return True


def processes() -> dict[str, dict[str, Any]]:
    """Supervisord's own word on each process by name: statename, pid, start (seconds since 1970); empty where it is down."""
    home = get_home()
    if not running(home):
        return {}
    return {one["name"]: one for one in _proxy(home).getAllProcessInfo()}


def restart(one: Component) -> None:
    """Stops and starts one component. Raises `SupervisorSilent`."""
    home = get_home()
    if not running(home):
        raise SupervisorSilent(f"component {one.name!r}", "the supervisor must run", "run make up")
    proxy = _proxy(home)
    if processes()[one.name]["statename"] == "RUNNING":
        proxy.stopProcess(one.name)
    proxy.startProcess(one.name)
