"""What steps may use, and how they wait for it: memory, CPU, slots, GPUs, time, disk."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from servers import wait_until
from test_pods import single
from test_running import container, node

import tenancy
from atrium.home import Home
from atrium.identity import platform_actor
from workflows.engine import keeper
from workflows.engine.admission import MOST_PASSED, Admission, Grant, Turn, Wants, wants_of
from workflows.engine.cgroups import controller
from workflows.engine.gpus import cuda_names
from workflows.engine.launcher import end_keeper
from workflows.engine.runner import Runner
from workflows.engine.store import Store
from workflows.engine.submit import take_in

GIB = 2**30


def python(source: str, **more: object) -> dict:
    return {"name": "main", "script": {"image": "python:3.11", "command": ["python"], "source": source, **more}}


def test_memory_of_children_counts_and_a_step_over_it_says_so(engine_server):
    source = (
        "import subprocess, sys, time\n"
        "subprocess.run([sys.executable, '-c', \"kept = b'x' * 300_000_000; import time; time.sleep(60)\"], check=True)\n"
    )
    done = engine_server.run(single(python(source, resources={"limits": {"memory": "100Mi"}})))
    assert done["status"]["message"].startswith("main: OOMKilled (exit code "), done["status"]


@pytest.mark.skipif(controller("cpu") is None, reason="control groups of cpu cannot be made on this machine")
def test_a_cpu_limit_is_kept(engine_server):
    source = "import time; begun = time.monotonic()\nwhile time.process_time() < 0.5: pass\nprint('took', time.monotonic() - begun)"
    done = engine_server.run(single(python(source, resources={"limits": {"cpu": "200m"}})))
    log = engine_server.http.get(f"/api/v1/workflows/flights/{done['metadata']['name']}/log").text
    assert float(log.partition("took ")[2].split('"')[0]) > 1.5, "half a second of CPU at a fifth of one"


def test_a_step_that_asks_for_more_than_the_machine_waits_and_says_so(engine_server):
    spec = single(python("pass", resources={"requests": {"memory": "100000Gi"}}))
    name = engine_server.submit(spec)["metadata"]["name"]

    def pod() -> dict:
        return next(iter((engine_server.get(name)["status"].get("nodes") or {}).values()), {})

    wait_until(
        lambda: "1 Insufficient memory (asks for 100000Gi; " in pod().get("message", ""), "it says that it waits", 60
    )
    assert (pod()["phase"], engine_server.get(name)["status"]["phase"]) == ("Pending", "Running")
    assert engine_server.http.put(f"/api/v1/workflows/flights/{name}/stop", json={}).status_code == 200
    assert engine_server.ended(name)["status"]["phase"] == "Failed"


def test_a_step_that_waits_says_for_what(engine_server):
    cpus = Admission(1).cpu_millicores // 1000
    name = engine_server.submit(
        {
            "metadata": {"generateName": "w-"},
            "spec": {
                "entrypoint": "main",
                "templates": [
                    {"name": "main", "steps": [[{"name": "a", "template": "t"}, {"name": "b", "template": "t"}]]},
                    {
                        "name": "t",
                        "container": {
                            "image": "busybox", "command": ["sleep", "8"], "resources": {"requests": {"cpu": str(cpus)}},
                        },
                    },
                ],
            },
        }
    )["metadata"]["name"]  # fmt: skip

    def told() -> bool:
        nodes = engine_server.get(name)["status"].get("nodes") or {}
        return any("Insufficient cpu" in one.get("message", "") for one in nodes.values())

    wait_until(told, "the second step says that it waits", 60)
    done = engine_server.ended(name, seconds=120)
    assert done["status"]["phase"] == "Succeeded"
    assert not node(done, "b").get("message")


def test_a_step_that_ignores_the_request_to_end_is_ended_at_its_deadline(engine_server):
    stubborn = container("main", "trap '' TERM; while :; do sleep 0.1; done", activeDeadlineSeconds=1)
    done = engine_server.run(single(stubborn))
    assert done["status"]["message"] == "Pod was active on the node longer than the specified deadline"


def test_a_step_that_fills_the_disk_is_ended(mortal_server):
    mortal_server.kill()
    mortal_server.environment["ATRIUM_STEP_DISK_GIB"] = "0.05"
    mortal_server.start()
    done = mortal_server.run(
        single(container("main", "dd if=/dev/zero of=/tmp/big bs=1M count=200; sleep 60")), seconds=120
    )
    assert (
        done["status"]["message"] == "Pod ephemeral local storage usage exceeds the total limit of containers 0.05Gi."
    )


def admitted(admission: Admission, *asked: Wants) -> list[bool]:
    """Asks for each in order; whether each was let in at once."""

    async def ask() -> list[bool]:
        tasks = [asyncio.ensure_future(admission.take(one, lambda _: None, lambda _: None)) for one in asked]
        await asyncio.sleep(0)
        found = [task.done() and isinstance(task.result(), Grant) for task in tasks]
        for task in tasks:
            task.cancel()
        return found

    return asyncio.run(ask())


def test_a_small_step_passes_a_large_one_that_waits():
    admission = Admission(4, 2000, 4 * GIB, [])
    assert admitted(admission, Wants(1500), Wants(1000), Wants(500), Wants(100)) == [True, False, True, False]


async def order_of(asked: list[tuple[str, int, str]]) -> list[str]:
    """Names in the order in which they are let in, one slot for all; asked are line, priority and name, all at once."""
    admission, found = Admission(1, 2000, GIB, []), list[str]()
    first = await admission.take(Wants(), print, print)

    async def one(line: str, priority: int, name: str) -> None:
        grant = await admission.take(Wants(), print, lambda _: None, Turn(line, priority))
        assert grant
        found.append(name)
        await asyncio.sleep(0)
        admission.give_back(grant)

    tasks = [asyncio.ensure_future(one(*each)) for each in asked]
    await asyncio.sleep(0)
    assert first
    admission.give_back(first)
    await asyncio.gather(*tasks)
    return found


def test_pods_of_a_higher_priority_go_first():
    asked = [("a", 0, "a1"), ("b", 5, "b1"), ("a", 0, "a2"), ("b", 5, "b2")]
    assert asyncio.run(order_of(asked)) == ["b1", "b2", "a1", "a2"]


def test_a_wide_workflow_does_not_hold_up_another():
    async def let_in() -> list[str]:
        admission, found = Admission(2, 2000, GIB, []), list[str]()

        async def one(line: str) -> None:
            await admission.take(Wants(), print, lambda _: None, Turn(line))
            found.append(line)

        held = [await admission.take(Wants(), print, print, Turn("wide")) for _ in range(2)]
        tasks = [asyncio.ensure_future(one(line)) for line in ("wide", "wide", "small")]
        await asyncio.sleep(0)
        assert held[0]
        admission.give_back(held[0])
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        return found

    assert asyncio.run(let_in()) == ["small"]


def test_slots_memory_and_gpus_bound_too():
    assert admitted(Admission(2, 2000, GIB, []), Wants(), Wants(), Wants()) == [True, True, False]
    assert admitted(Admission(9, 2000, GIB, []), Wants(0, GIB), Wants(0, 1)) == [True, False]
    assert admitted(Admission(9, 2000, GIB, ["0", "1"]), Wants(gpus=1), Wants(gpus=2), Wants(gpus=1)) == [
        True,
        False,
        True,
    ]


def test_gpus_are_given_by_number_and_come_back():
    async def use() -> list[tuple[str, ...]]:
        admission = Admission(9, 2000, GIB, ["0", "1"])
        first = await admission.take(Wants(gpus=1), print, print)
        second = await admission.take(Wants(gpus=1), print, print)
        assert first and second
        admission.give_back(first)
        third = await admission.take(Wants(gpus=1), print, print)
        assert third
        return [first.gpus, second.gpus, third.gpus]

    assert asyncio.run(use()) == [("0",), ("1",), ("0",)]


def test_cuda_knows_a_gpu_by_the_drivers_name(tmp_path: Path):
    """What a real driver told of an H200, and a second one."""
    told = "Model: \t\t NVIDIA H200\nIRQ:   \t\t 41\nGPU UUID: \t {uuid}\nBus Type: \t PCIe\nDevice Minor: \t {minor}\nGPU Excluded:\t No\n"
    first, second = "GPU-79f91fb4-7f69-4c32-9592-945baf31bf3b", "GPU-0b1a4c7e-1111-4c32-9592-945baf31bf3b"
    for folder, uuid, minor in (("0000:00:06.0", first, 1), ("0000:00:07.0", second, 0)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "information").write_text(told.format(uuid=uuid, minor=minor))
    assert cuda_names(["1"], tmp_path) == first
    assert cuda_names(["0", "1"], tmp_path) == f"{second},{first}"
    assert cuda_names([], tmp_path) == ""
    assert cuda_names(["0", "3"], tmp_path / "no driver") == "0,3"


def test_what_never_fits_waits_and_holds_up_nobody():
    async def held() -> None:
        machine, waiting = Admission(1, 1000, GIB, ["0"]), []
        never = asyncio.ensure_future(machine.take(Wants(gpus=3), print, waiting.append))
        await asyncio.sleep(0)
        for _ in range(MOST_PASSED + 2):
            machine.give_back(await asyncio.wait_for(machine.take(Wants(cpu_millicores=1000), print, print), 30))
        assert "1 Insufficient nvidia.com/gpu (asks for 3; this machine has 1: ask for less" in machine.why(
            Wants(gpus=3)
        )
        waiting[0].set_result(None)
        assert await never is None

    asyncio.run(held())


def test_what_a_pod_wants_is_its_containers_together():
    body = {"resources": {"limits": {"cpu": "2", "memory": "1Gi", "nvidia.com/gpu": 1}, "requests": {"cpu": "500m"}}}
    initial = {"name": "i", "resources": {"requests": {"cpu": "64"}}}
    side = {"name": "s", "resources": {"requests": {"memory": "512Mi"}}}
    assert wants_of({"container": body, "initContainers": [initial], "sidecars": [side]}) == Wants(500, GIB * 3 // 2, 1)


@asynccontextmanager
async def started_runner(home: Home) -> AsyncIterator[Runner]:
    """A workflow server's runner on a machine with two GPUs."""
    runner = Runner(home, Store(home.engine / "engine.db"))
    runner.admission = Admission(8, 4000, 8 * GIB, ["0", "1"])
    await runner.resume_all()
    try:
        yield runner
    finally:
        for task in runner.tasks:
            task.cancel()
        await asyncio.gather(*runner.tasks, return_exceptions=True)
        writer = runner.launcher.writer
        await runner.launcher.close()
        if writer:
            await writer.wait_closed()
        runner.store.connection.close()


async def gpus_of_next(runner: Runner) -> list[str]:
    """The GPUs that the step of a new workflow gets, as they are on disk once it runs."""
    asks = {"resources": {"limits": {"nvidia.com/gpu": 1}}}
    template = {"name": "main", "container": {"image": "busybox", "command": ["sleep", "60"], **asks}}
    workflow = take_in(runner.store, "flights", single(template), "ada")
    runner.add(workflow)
    async with asyncio.timeout(60):
        while not runner.launcher.running or not any(one.get("gpus") for one in workflow.work.values()):
            await asyncio.sleep(0.02)
    kept = runner.store.by_uid(workflow.uid)
    assert kept
    return next(iter(kept.work.values()))["gpus"]


def test_the_gpus_of_a_step_that_still_runs_are_given_to_nobody_else_after_a_restart(own_home: Path):
    tenancy.create_user(platform_actor("test"), "ada", "a-long-password-1")
    home = Home(own_home)

    async def first() -> tuple[list[str], list[str]]:
        async with started_runner(home) as runner:
            before = await gpus_of_next(runner)
            (ends,) = runner.live.values()
            found = before, await gpus_of_next(runner)
            runner.remove(ends)
            async with asyncio.timeout(60):
                while not runner.admission.free_gpus:
                    await asyncio.sleep(0.02)
            return found

    async def second() -> tuple[list[str], list[str]]:
        async with started_runner(home) as runner:
            return await gpus_of_next(runner), [*runner.admission.free_gpus]

    command = [
        sys.executable,
        "-I",
        "-S",
        keeper.FOLDER,
        str(home.socket("keeper")),
        str(home.engine / "keeper.journal"),
    ]
    with subprocess.Popen(command, start_new_session=True):
        wait_until(home.socket("keeper").exists, "the keeper listens")
        try:
            assert asyncio.run(first()) == (["0"], ["1"])
            assert asyncio.run(second()) == (["0"], [])
        finally:
            end_keeper(home)
