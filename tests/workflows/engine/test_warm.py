"""Python steps forked from a warm interpreter: what they see and what becomes of them is what it is for those that bubblewrap executes."""

import json
import re
from pathlib import Path

import pytest
from servers import EngineServer
from test_running import node, steps_workflow

SEEN = r"""
import sys; modules = sorted(sys.modules); names = sorted(globals()); frame = sys._getframe().f_back is None
import ctypes, gc, json, locale, os, pathlib, random, resource, signal, stat, threading, time
def attempt(action):
    try:
        return str(action())
    except OSError as error:
        return f"refused: {error.strerror}"
status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
init = dict(line.split(":\t", 1) for line in open("/proc/1/status").read().splitlines() if ":\t" in line)
kept = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "SigIgn", "SigCgt", "SigBlk",
        "Threads", "Umask", "NSpid", "NSsid", "NSpgid", "Name", "TracerPid", "Cpus_allowed_list", "THP_enabled")
mounts = [line.split()[3:6] + line.partition(" - ")[2].split()[:1] for line in open("/proc/self/mountinfo")]
libc = ctypes.CDLL(None, use_errno=True)
seen = {
    "frame": frame, "globals": names, "modules": modules, "argv": sys.argv, "orig_argv": sys.orig_argv, "executable": sys.executable,
    "flags": str(sys.flags), "path": sys.path, "prefix": [sys.prefix, sys.base_prefix], "main": sorted(vars(sys.modules["__main__"]))[:12],
    "loader": str(type(__loader__)), "file": globals().get("__file__"), "spec": str(__spec__), "name": __name__,
    "streams": [[s.name, s.encoding, s.errors, s.line_buffering, s.write_through, s.isatty(), s.seekable(), s.fileno()]
                for s in (sys.stdin, sys.stdout, sys.stderr)],
    "sizes": [resource.getrlimit(getattr(resource, one)) for one in dir(resource) if one.startswith("RLIMIT_")],
    "environ": list(os.environ.items()), "environ file": open("/proc/self/environ").read().split("\0"),
    "cmdline": open("/proc/self/cmdline").read().split("\0"), "exe": os.readlink("/proc/self/exe"), "cwd": os.getcwd(),
    "status": {name: status.get(name) for name in kept}, "mounts": mounts, "pid": os.getpid(), "session": [os.getsid(0), os.getpgrp()],
    "descriptors": sorted(os.listdir("/proc/self/fd")), "kinds": [stat.S_IFMT(os.fstat(n).st_mode) for n in (0, 1, 2)],
    "root": sorted(os.listdir("/")), "dev": sorted(os.listdir("/dev")), "etc": sorted(os.listdir("/etc")),
    "signals": {one.name: str(signal.getsignal(one)) for one in signal.Signals}, "locale": locale.setlocale(locale.LC_ALL),
    "gc": [gc.isenabled(), gc.get_threshold()], "threads": [one.name for one in threading.enumerate()],
    "main thread": threading.current_thread() is threading.main_thread(), "tz": time.tzname, "recursion": sys.getrecursionlimit(),
    "hostname": os.uname().nodename, "groups": open("/proc/self/cgroup").read(), "oom": open("/proc/self/oom_score_adj").read(),
    "nice": os.nice(0), "scheduler": os.sched_getscheduler(0), "affinity": sorted(os.sched_getaffinity(0)), "cpu": time.process_time() < 5,
    "uid map": open("/proc/self/uid_map").read(), "processes": sorted(p.name for p in pathlib.Path("/proc").glob("[0-9]*")),
    "init": [init["Name"], init["CapPrm"], init["NoNewPrivs"]], "limits": open("/proc/self/limits").read(),
    "write own program": attempt(lambda: os.open("/proc/self/exe", os.O_WRONLY)),
    "write program by another name": attempt(lambda: os.open("/proc/self/fd/%d" % os.open("/proc/self/exe", os.O_PATH), os.O_WRONLY)),
    "mapped": [attempt(lambda: os.listdir("/proc/self/map_files") and os.open(next(pathlib.Path("/proc/self/map_files").iterdir()), 0))[:7]],
    "memory of init": attempt(lambda: open("/proc/1/mem", "rb")), "set namespace": attempt(lambda: os.open("/proc/1/ns/mnt", 0) and None),
    "setuid": attempt(lambda: os.setuid(12345)),
    "keyring": libc.syscall(250, 6, -3, 0) >= 0, "dumpable": libc.prctl(3, 0, 0, 0, 0), 
    "securebits": libc.prctl(27, 0, 0, 0, 0), "timerslack": libc.prctl(30, 0, 0, 0, 0),
    "raise": attempt(lambda: libc.unshare(0x00020000) and None), "mlock": resource.getrlimit(resource.RLIMIT_MEMLOCK),
}
begun = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
waited = time.clock_gettime(time.CLOCK_BOOTTIME) - begun
own = {"parent": os.getppid(), "waited": waited, "namespaces": {one: os.readlink(f"/proc/self/ns/{one}") for one in sorted(os.listdir("/proc/self/ns"))}}
print(json.dumps([seen, own]))
"""
WAYS = {
    "command": {"container": {"image": "python:3.11", "command": ["python", "-c", SEEN], "args": ["one", "t wo"]}},
    "script": {"script": {"image": "python:3.11", "command": ["python3"], "source": SEEN, "workingDir": "/work"}},
}


def at_once(*templates: dict) -> dict:
    flow = steps_workflow(*templates, steps=[[{"name": one["name"], "template": one["name"]} for one in templates]])
    for step in flow["spec"]["templates"][0]["steps"][0]:
        step["continueOn"] = {"failed": True, "error": True}
    return flow


def log_of(server: EngineServer, done: dict, name: str) -> str:
    pod = node(done, name)["outputs"]["artifacts"][-1]["s3"]["key"]
    path = server.home / "engine/artifacts" / pod
    return path.read_text() if path.exists() else ""


@pytest.fixture(scope="module")
def warm_server(tmp_path_factory):
    server = EngineServer(tmp_path_factory.mktemp("warm-home"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cold_server(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATRIUM_WARM_PYTHON", "0")
        server = EngineServer(tmp_path_factory.mktemp("cold-home"))
    yield server
    server.stop()


def seen_by(server: EngineServer, way: dict, warm: bool) -> tuple[dict, dict]:
    """What a step tells of itself; with `warm`, of the first one that was forked."""
    for _ in range(20):
        done = server.run(at_once({"name": "s", **way}))
        assert done["status"]["phase"] == "Succeeded", log_of(server, done, "s")
        seen, own = json.loads(log_of(server, done, "s"))
        if (own["parent"] == 0) == warm:
            return seen, own
    raise AssertionError("no step was forked: " + (server.home / "logs/keeper.log").read_text())


def plain(seen: dict, server: EngineServer) -> dict:
    """The same without what is this server's and this run's own."""
    text = json.dumps(seen)
    own = dict(seen["environ"])
    for before in (str(server.home), str(server.port), own["ATRIUM_RUN"], own["MLFLOW_TRACKING_TOKEN"]):
        text = text.replace(before, "…")
    return json.loads(re.sub(r"(/tokens/|/roots/flights/|/bindfile)[^ /\"]+", r"\1…", text))


@pytest.mark.parametrize("way", WAYS)
def test_a_forked_step_finds_what_an_executed_one_finds(warm_server, cold_server, way):
    warm, cold = (
        plain(seen_by(server, WAYS[way], server is warm_server)[0], server) for server in (warm_server, cold_server)
    )
    different = {key: (warm[key], cold[key]) for key in cold if warm[key] != cold[key]}
    assert not different, json.dumps(different)


@pytest.mark.parametrize("words", [[], ["env"]], ids=["forked", "executed"])
def test_a_step_in_a_sandbox_that_was_made_before_it_finds_what_any_finds(warm_server, cold_server, words):
    asked = WAYS["command"]["container"]
    way = {"container": asked | {"command": [*words, *asked["command"]]}}
    before = {
        "name": "b",
        "container": {"image": "python:3.11", "command": ["python", "-c", "import time; time.sleep(1)"]},
    }
    chain = [[{"name": name, "template": name}] for name in ("b", "s")]
    for _ in range(20):
        done = warm_server.run(steps_workflow(before, {"name": "s", **way}, steps=chain))
        seen, own = json.loads(log_of(warm_server, done, "s"))
        if own["waited"] > 0.5 and own["parent"] == 0:  # while the step before it ran
            break
    else:
        raise AssertionError("none was made ahead: " + (warm_server.home / "logs/keeper.log").read_text())
    ahead, cold = plain(seen, warm_server), plain(seen_by(cold_server, way, False)[0], cold_server)
    different = {key: (ahead[key], cold[key]) for key in cold if ahead[key] != cold[key]}
    assert not different, json.dumps(different)


MEET = """
import json, os, pathlib, time
place = pathlib.Path(os.environ["ATRIUM_DATA"], os.environ["ATRIUM_RUN"])
place.mkdir(exist_ok=True)
pathlib.Path("/var/tmp/mine").write_text("x")
found = {one: os.readlink(f"/proc/self/ns/{one}") for one in os.listdir("/proc/self/ns")}
place.joinpath(found["mnt"]).touch()
end = time.monotonic() + 60
while len(list(place.iterdir())) < 2 and time.monotonic() < end: time.sleep(0.01)
print(json.dumps([os.getppid(), found, len(os.listdir("/var/tmp"))]))
"""


def test_forked_steps_that_run_at_once_share_no_namespace_and_no_folder(warm_server):
    seen_by(warm_server, WAYS["script"], True)  # the interpreter is there
    script = {"image": "python:3.11", "command": ["python3"], "source": MEET}
    both = [{"name": name, "template": "s"} for name in ("a", "b")]
    done = warm_server.run(steps_workflow({"name": "s", "script": script}, steps=[both]))
    here = {path.name: str(path.readlink()) for path in Path("/proc/self/ns").iterdir()}
    (parent, first, files), (_, second, _) = (json.loads(log_of(warm_server, done, name)) for name in ("a", "b"))
    own = {"ipc", "mnt", "pid", "pid_for_children", "uts"}
    assert (parent, files) == (0, 1)
    assert {one for one in here if first[one] != second[one]} == own == {one for one in here if first[one] != here[one]}


ENDS = {
    "code": "raise SystemExit(7)",
    "words": "raise SystemExit('said why')",
    "error": "def f():\n    1 / 0\nprint('before')\nf()",
    "syntax": "print('x'",
    "signal": "import os; os.kill(os.getpid(), 9)",
    "terminated": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "interrupt": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
    "abort": "import os; os.abort()",
    "fault": "import ctypes; ctypes.string_at(0)",
    "at exit": "import atexit, sys; atexit.register(lambda: print('late')); print('early'); sys.stdout.write('no line end')",
    "hard exit": "import os; print('lost'); os._exit(3)",
    "threads": "import threading, time; threading.Thread(target=lambda: (time.sleep(0.3), print('thread'))).start(); print('main')",
    "daemon threads": "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); print('main')",
    "unraisable": "class A:\n    def __del__(self): 1 / 0\na = A()",
    "unicode": "print('héllo ✓', '\\udcff'.encode('utf-8', 'surrogateescape'))",
    "closed": "import sys; sys.stdout.close()",
    "warning": "import warnings; warnings.warn('careful', stacklevel=3)",
    "stack": "import traceback; print(traceback.format_stack())",
    "logging": "import logging; logging.warning('logged')",
    "input": "import sys; print(repr(sys.stdin.read())); input()",
    "processes": "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'import sys; print(sys.flags, sys.path, sys.argv)'], "
    "capture_output=True, text=True).stdout)",
    "pool": "import multiprocessing as m\ndef f(x): return x * x\nif __name__ == '__main__':\n    with m.get_context('fork').Pool(2) as p:\n"
    "        print(p.map(f, range(4)))",
    "spawn": "import multiprocessing as m, os\nif __name__ == '__main__':\n    p = m.get_context('spawn').Process(target=print, args=('spawned',))\n"
    "    p.start(); p.join(); print(p.exitcode)",
    "left": "import subprocess, time, pathlib\nfor _ in range(20): subprocess.run(['sh', '-c', 'sleep 0.1 &'])\ntime.sleep(1.5)\n"
    "print(sum('Z' in (p / 'stat').read_text().rpartition(')')[2][:3] for p in pathlib.Path('/proc').glob('[0-9]*')))",
    "asyncio": "import asyncio, sys; print(asyncio.run(asyncio.sleep(0.01, 'slept'))); print('_socket' in sys.modules)",
    "random": "import random, hashlib; random.seed(3); print(random.random(), hashlib.sha256(b'x').hexdigest())",
    "kept by modules": "import abc, codecs, io, os, site, sys\nclass A:\n    def __init__(self, name): self.name = name\n"
    "    def __del__(self): os.write(1, f'{self.name} ended\\n'.encode())\nfor one in (abc, codecs, io, os, site, sys): one.kept = A(one.__name__)",
    "unwritten": "class A: pass\na = A(); a.me, a.file = a, open(1, 'w', closefd=False); a.file.write('in a circle to the end')",
    "ssl": "import ssl; print(ssl.create_default_context().verify_mode)",
    "numpy": "import numpy, pandas; print(numpy.arange(3).sum(), len(pandas.DataFrame({'a': [1]})))",
    "write only root": "open('/usr/x', 'w')",
}


def as_steps(way: str) -> dict:
    """A workflow of all endings."""
    templates = []
    for number, source in enumerate(ENDS.values()):
        container = {"image": "python:3.11", "command": ["python", "-c", source]}
        script = {"image": "python:3.11", "command": ["python3"], "source": source}
        templates.append(
            {"name": f"s{number}", **({"container": container} if way == "command" else {"script": script})}
        )
    return at_once(*templates)


@pytest.mark.parametrize("way", WAYS)
def test_a_forked_step_ends_as_an_executed_one_ends(warm_server, cold_server, way):
    seen_by(warm_server, WAYS[way], True)  # the interpreter is there

    def ends(server: EngineServer) -> dict:
        done = server.run(as_steps(way), seconds=300)
        found = {}
        for number, name in enumerate(ENDS):
            one = node(done, f"s{number}")
            text = re.sub(r"0x[0-9a-f]+|main-thread-\d+", "…", log_of(server, done, f"s{number}"))
            found[name] = [one["phase"], one.get("message"), one["outputs"].get("exitCode"), text]
        return found

    warm, cold = ends(warm_server), ends(cold_server)
    different = {name: (warm[name], cold[name]) for name in ENDS if warm[name] != cold[name]}
    assert not different, json.dumps(different)
    assert (warm_server.home / "logs/keeper.log").read_text() == ""
