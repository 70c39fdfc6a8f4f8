"""The process that starts containers: what it survives, what it tells, and roots that are used again."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from servers import CHECKOUT, wait_until
from test_running import container, node, steps_workflow

from atrium.home import Home
from workflows.engine.images import Image, shipped_image
from workflows.engine.keeper import Ahead, Interpreter, Journal, not_needed
from workflows.engine.launcher import end_keeper
from workflows.engine.roots import Roots, prepare_etc
from workflows.engine.sandbox import Container, Mount, order, sandbox_works
from workflows.engine.warm import warm_order

KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)  # the second where its own child went first


def keeper_of(home: Path) -> psutil.Process | None:
    for one in psutil.process_iter(["cmdline"]):
        words = one.info["cmdline"] or []
        if any(word.endswith("engine/keeper") for word in words) and any(str(home) in word for word in words):
            return one
    return None


def test_a_step_whose_keeper_is_killed_runs_again(mortal_server):
    slow = container("slow", "echo once; sleep 1")
    name = mortal_server.submit(steps_workflow(slow, steps=[[{"name": "s", "template": "slow"}]]))["metadata"]["name"]
    printed = lambda: list(mortal_server.home.glob(f"engine/steps/flights/*/{name}-slow-*/main.log"))  # noqa: E731
    wait_until(printed, "the step runs")
    keeper_of(mortal_server.home).send_signal(signal.SIGKILL)
    done = mortal_server.ended(name)
    assert (done["status"]["phase"], node(done, "s").get("message")) == ("Succeeded", None)


def test_a_step_that_ends_while_no_server_is_there_is_not_run_again(mortal_server):
    marked = container("marked", "echo x >>$ATRIUM_DATA/marks; sleep 1; exit 7")
    name = mortal_server.submit(steps_workflow(marked, steps=[[{"name": "s", "template": "marked"}]]))["metadata"][
        "name"
    ]
    marks = mortal_server.home / "projects/flights/data/marks"
    wait_until(marks.exists, "the step runs")
    mortal_server.kill()
    journal = mortal_server.home / "engine/keeper.journal"
    wait_until(lambda: journal.read_text().count("\n") == 1, "its end is in the journal")
    wait_until(lambda: keeper_of(mortal_server.home) is None, "the keeper ends too, since it has nothing to do")
    mortal_server.start()
    done = mortal_server.ended(name)
    assert node(done, "s")["message"] == "main: Error (exit code 7)"
    assert marks.read_text() == "x\n"
    assert journal.read_text() == ""


def test_a_step_ends_with_its_platform_and_runs_again_at_the_next_start(mortal_server):
    slow = container("slow", "echo x >>$ATRIUM_DATA/starts; sleep 2; sleep 0.$(wc -l <$ATRIUM_DATA/starts)")
    name = mortal_server.submit(steps_workflow(slow, steps=[[{"name": "s", "template": "slow"}]]))["metadata"]["name"]
    starts = mortal_server.home / "projects/flights/data/starts"
    wait_until(starts.exists, "the step runs")
    keeper = keeper_of(mortal_server.home)
    steps = keeper.children(recursive=True)
    mortal_server.kill()
    assert end_keeper(Home(mortal_server.home))
    _, alive = psutil.wait_procs([keeper, *steps], timeout=20)
    assert (alive, end_keeper(Home(mortal_server.home))) == ([], False)
    mortal_server.start()
    assert mortal_server.ended(name)["status"]["phase"] == "Succeeded"
    assert starts.read_text() == "x\nx\n"


def test_what_a_step_used_is_its_own(engine_server):
    script = (
        "import time; kept = b'x' * 150_000_000; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    )
    busy = {"name": "busy", "script": {"image": "python:3.11", "command": ["python"], "source": script}}
    done = engine_server.run(
        steps_workflow(
            busy, container("idle", "true"), steps=[[{"name": name, "template": name} for name in ("busy", "idle")]]
        )
    )
    used, idle = (node(done, name)["measured"] for name in ("busy", "idle"))
    assert 0.5 <= used["cpuSeconds"] < 3
    assert 150 <= used["peakMemoryMib"] < 250
    assert idle["cpuSeconds"] < 0.2
    assert 0 < idle["peakMemoryMib"] < 20


def test_output_over_the_bound_is_left_out_and_said_so(mortal_server):
    mortal_server.kill()
    mortal_server.environment["ATRIUM_STEP_LOG_MIB"] = "1"
    mortal_server.start()
    chatty = container("chatty", "yes 0123456789 | head -c 50000000")
    done = mortal_server.run(steps_workflow(chatty, steps=[[{"name": "s", "template": "chatty"}]]))
    log = next(mortal_server.home.glob("engine/artifacts/flights/*/*/main.log")).read_text()
    assert done["status"]["phase"] == "Succeeded"
    assert (len(log) < 1_050_000, log.splitlines()[-1]) == (
        True,
        "[the log's bound of 1 MiB is reached: what follows is not kept]",
    )


def test_ends_are_kept_until_a_server_took_them_in(tmp_path):
    path = str(tmp_path / "journal")
    first = Journal(path)
    for key in ("a", "b"):
        first.add({"key": key, "code": 0}, flush=True)
    with open(path, "a") as file:
        file.write('{"key": "cut off by pow')
    again = Journal(path)
    assert set(again.ends) == {"a", "b"}
    again.forget(["a", "b"])
    assert (Path(path).stat().st_size, Journal(path).ends) == (0, {})


@pytest.fixture
def roots(tmp_path):
    return Roots(tmp_path / "roots", lambda project: [f"/data/{project}"])


def test_a_root_is_clean_when_it_is_used_again(roots):
    root = roots.take("flights")
    (root / "tmp/left").write_text("secret")
    (root / "deep/er").mkdir(parents=True)
    (root / "deep/er").chmod(0)
    roots.give_back("flights", str(root))
    again = roots.take("flights")
    assert again == root
    assert ([*(again / "tmp").iterdir()], (again / "deep").exists(), (again / "data/flights").is_dir()) == (
        [],
        False,
        True,
    )


@pytest.mark.parametrize("change", ["etc/passwd", "tmp", "bin"])
def test_a_root_that_a_step_changed_is_not_used_again(roots, change):
    root = roots.take("flights")
    if change == "tmp":
        (root / "tmp").rmdir()
        (root / "tmp").symlink_to("/etc")
    elif change == "bin":
        (root / "bin").unlink()
    else:
        (root / change).write_text("root::0:0::/:/bin/sh\n")
    roots.give_back("flights", str(root))
    assert (root.exists(), roots.take("flights") == root, Path("/etc/passwd").exists()) == (False, False, True)


def test_only_a_root_that_no_step_changed_is_taken_back_at_once(roots):
    same, changed = roots.take("flights"), roots.take("flights")
    (changed / "tmp/left").write_text("secret")
    taken = [roots.give_back_unchanged("flights", str(one)) for one in (same, changed)]
    assert (taken, roots.take("flights")) == ([True, False], same)


def test_a_root_of_one_project_is_never_given_to_another(roots):
    root = roots.take("flights")
    roots.give_back("flights", str(root))
    assert roots.take("other") != root


def test_a_server_started_anew_removes_the_roots_that_nothing_uses(roots):
    used, unused = roots.take("flights"), roots.take("flights")
    anew = Roots(roots.folder, roots.mounted)
    own = anew.take("flights")
    anew.sweep({str(used)})
    assert (used.exists(), unused.exists(), own.exists()) == (True, False, True)


def test_a_step_that_leaves_processes_behind_ends_with_them(engine_server):
    leaver = container("leaver", "(setsid sh -c 'trap \"\" TERM HUP; sleep 4711' &) ; echo left")
    started = time.monotonic()
    done = engine_server.run(steps_workflow(leaver, steps=[[{"name": "s", "template": "leaver"}]]))
    assert done["status"]["phase"] == "Succeeded"
    assert time.monotonic() - started < 30
    assert not [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", "4711"]]


@pytest.fixture
def ordered(roots, tmp_path):
    """Orders as the server gives them, for a step and for the next one, whose sandbox may be made ahead."""
    token = tmp_path / "token"
    token.write_text("one")
    etc = tmp_path / "etc"
    prepare_etc(etc)

    def made(root: Path) -> dict:
        mounts = (Mount(token, "/atrium/token", writable=False),)
        return order(Container(tmp_path, "main", root, ["true"], {"A": "1"}, Image("busybox", ""), mounts=mounts), etc)

    first, second = roots.take("flights"), roots.take("flights")
    return {
        "first": made(first) | {"next": str(second)},
        "second": made(second) | {"warm": {"key": "one"}},
        "token": token,
        "etc": etc,
    }


class Watches:
    """What is watched, and acted on where it can be read, as the keeper's loop does."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()

    def watch(self, one, act):
        self.selector.register(one, selectors.EVENT_READ, act)

    def leave(self, one):
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(one)

    def turn(self):
        for key, _ in self.selector.select(0.05):
            key.data(key.fileobj)


@pytest.fixture
def ahead():
    watches = Watches()
    made = Ahead(watches.watch, watches.leave)
    made.turn = watches.turn
    yield made
    assert not watches.selector.get_map(), "nothing is watched any more"


@pytest.fixture
def interpreter(ordered):
    """A warm Python, which forks."""
    etc, image = ordered["etc"], shipped_image("python:3.11")
    asked = Container(etc, "main", Path(ordered["first"]["root"]), ["python", "-c", "pass"], {}, image)
    one = Interpreter(warm_order(asked, etc))
    one.connection.settimeout(60)
    assert one.connection.recv(1) == b"r"
    yield one
    one.close()


def waits(ahead, sandbox) -> bool:
    ahead.turn()
    return bool(sandbox.fork and sandbox.fork.pid)


@pytest.mark.skipif(not sandbox_works(), reason="bubblewrap does not work here")
@pytest.mark.parametrize("change", ["", "options", "token", "executed", "interpreter", "ended"])
def test_a_sandbox_made_ahead_is_given_to_a_step_that_would_get_just_this(ahead, ordered, interpreter, change):
    about, ready = ordered, interpreter
    ahead.make(about["first"], interpreter)
    (made,) = ahead.kept.values()
    process = psutil.Process(made.pid)
    wait_until(lambda: waits(ahead, made), "a process waits in the sandbox")
    second = about["second"]
    if change == "options":
        second["options"].insert(0, "--new-session")
    elif change == "token":
        about["token"].rename(f"{about['token']}.old")
        about["token"].write_text("two")
    elif change == "executed":
        ready = None
    elif change == "interpreter":
        ready = object()
    elif change == "ended":
        os.kill(made.fork.pid, signal.SIGKILL)
        ahead.died(made.fork.pid)
    taken = ahead.take(second, ready)
    if not change:
        assert taken is made
        made.end()
    assert (taken is None, ahead.kept) == (bool(change), {})
    assert process.wait(30) in KILLED


@pytest.mark.skipif(not sandbox_works(), reason="bubblewrap does not work here")
def test_a_sandbox_made_ahead_that_nobody_takes_is_ended(ahead, ordered, interpreter):
    for _ in range(2):
        ahead.make(ordered["first"], interpreter)
    (made,) = ahead.kept.values()
    wait_until(lambda: waits(ahead, made), "a process waits in the sandbox")
    waiting = psutil.Process(made.fork.pid)
    ahead.drop(idle_seconds=3600)
    assert ahead.kept
    ahead.drop()
    assert (ahead.kept, psutil.Process(made.pid).wait(30) in KILLED) == ({}, True)
    wait_until(
        lambda: not waiting.is_running() or waiting.status() == psutil.STATUS_ZOMBIE, "what waited there has ended"
    )


MOUNTED = """\
24 1 8:1 / / rw shared:1 - ext4 /dev/sda rw
25 24 0:5 / /proc rw - proc proc rw
26 24 0:6 / /sys rw - sysfs sysfs rw
27 26 0:7 / /sys/kernel/debug rw - debugfs debugfs rw
28 26 0:8 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
29 26 0:9 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
30 26 0:10 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
31 24 8:2 / /data\\040of/kubelet/pods rw - nfs server:/x rw
32 31 0:11 / /data\\040of/kubelet/pods/1/volumes/a rw - tmpfs tmpfs rw
33 24 0:4 net:[1] /run/netns/one rw - nsfs nsfs rw
34 24 0:12 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw
35 24 0:13 / /mnt/images/root rw - overlay overlay rw
"""


def test_the_keeper_leaves_the_mounts_that_no_step_can_need():
    assert not_needed(MOUNTED) == ["/sys/kernel/debug", "/sys/fs/cgroup/pids", "/data of/kubelet/pods/1/volumes/a", "/run/netns/one",
                                   "/var/lib/docker/overlay2/1/merged"]  # fmt: skip


@pytest.fixture
def of_another_container(tmp_path):
    """A place where a file system of another container is mounted."""
    place = tmp_path / "kubelet/pods/one"
    place.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "other", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts are root's")
def test_the_keeper_is_among_mounts_of_its_own(of_another_container, mortal_server):
    mortal_server.run(steps_workflow(container("one", "true"), steps=[[{"name": "s", "template": "one"}]]))
    here, there = (Path(f"/proc/{pid}/mountinfo").read_text() for pid in ("self", keeper_of(mortal_server.home).pid))
    assert (str(of_another_container) in here, str(of_another_container) in there) == (True, False)


LEAVES = """
import sys, time
from pathlib import Path
from workflows.engine.keeper.kernel import become_subreaper
from workflows.engine.keeper.loop import Keeper
folder, words = Path(sys.argv[1]), ["/bin/sh", "-c", sys.argv[2], "--"]
become_subreaper()
keeper = Keeper(str(folder / "socket"), str(folder / "journal"))
keeper.ahead.make({"root": "/one", "next": "/two", "options": ["/"], "argv": words, "environment": {"PATH": "/usr/bin:/bin"}}, None)
while not (folder / "whole").exists():
    time.sleep(0.01)
keeper.ahead.drop()
keeper.run()
"""


def test_what_a_sandbox_had_begun_when_it_was_ended_while_it_was_being_made_ends_too(tmp_path):
    begins = f"(sleep 4714 &); touch {tmp_path}/whole; exec sleep 4715"  # the first is nobody's child by then
    subprocess.run([sys.executable, "-c", LEAVES, str(tmp_path), begins], cwd=CHECKOUT, check=True, timeout=120)
    left = [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] in (["sleep", "4714"], ["sleep", "4715"])]  # fmt: skip
    for one in left:
        one.kill()
    assert not left
