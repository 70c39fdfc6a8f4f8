"""The embedded workflow server: its steps beside a bare loop, its latency, its memory, its lists."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from bench.figures import Figure, median_of, seconds_of, wait_until
from bench.instance import Instance
from bench.steps import CHAIN, FAN, KINDS, LIMIT_SECONDS, WORKS, Work, bare_seconds, isolation, manifest

PROJECT = "digits"
API, RUNS = f"/argo/api/v1/workflows/{PROJECT}", f"/api/v1/projects/{PROJECT}/runs"
EVENTS = f"/argo/api/v1/workflow-events/{PROJECT}"
LIVE, ARCHIVED, PAGE = 100, 10_000, 50
ROUNDS, LIST_ROUNDS = 5, 20
MOST_OVER_BARE, MOST_STEP_MS, MOST_LIST_MS, MOST_HELLO_SECONDS = 1.5, 150, 100, 1.5
KEPT = Work("kept", "a run of ten steps", 10, 1)
MOMENT = "/tmp/moment"
CLOCKS = {
    "true": ["sh", "-c", f"date +%s.%N >{MOMENT}"],
    "python -c pass": ["python", "-c", f"import time; open({MOMENT!r}, 'w').write(str(time.time()))"],
}
ENDED = ("Succeeded", "Failed", "Error")
Json = dict[str, Any]


def argo_binary() -> str | None:
    """The real argo CLI: `ATRIUM_TEST_ARGO`, or on the PATH."""
    named = os.environ.get("ATRIUM_TEST_ARGO")
    return named if named and Path(named).exists() else shutil.which("argo")


def _submit(client: httpx.Client, workflow: Json) -> str:
    made = client.post(API, json={"workflow": workflow}).raise_for_status().json()
    return str(made["metadata"]["name"])


def _phases(client: httpx.Client, name: str) -> Iterator[str]:
    """The workflow's phase now and at each change, as the server's stream of events tells it; empty where the stream only shows that it lives."""
    asked = {"listOptions.fieldSelector": f"metadata.name={name}", "fields": "result.object.status.phase"}
    with client.stream("GET", EVENTS, params=asked, headers={"Accept": "text/event-stream"}) as stream:
        for line in stream.raise_for_status().iter_lines():
            told = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
            yield str(told.get("result", {}).get("object", {}).get("status", {}).get("phase", ""))


def _to_its_end(client: httpx.Client, workflow: Json) -> str:
    """Runs a workflow; returns its name. Raises RuntimeError where it does not succeed, TimeoutError after three minutes."""
    due = time.monotonic() + LIMIT_SECONDS
    name = _submit(client, workflow)
    ended = ""
    for ended in _phases(client, name):
        if ended in ENDED:
            break
        if time.monotonic() > due:
            raise TimeoutError(f"workflow {name} did not end within {LIMIT_SECONDS} s")
    if ended != "Succeeded":
        raise RuntimeError(f"workflow {name} ended {ended}")
    return name


def rows(instance: Instance) -> Iterator[Figure]:
    """The works with each kind of step, beside the bare loop right before it."""
    with instance.client(PROJECT) as client:
        for kind in KINDS:
            for work in WORKS:
                bare = bare_seconds(work, kind)
                yield Figure(f"{work.name}, `{kind}`: bare loop", bare, "s", note=isolation())
                yield _row(client, work, kind, bare)


def _row(client: httpx.Client, work: Work, kind: str, bare: float) -> Figure:
    name, asked = f"{work.name}, `{kind}`: Atrium", MOST_OVER_BARE * bare
    try:
        spent = seconds_of(lambda: _to_its_end(client, manifest(work, kind)))
    except TimeoutError:
        return Figure(name, None, "s", asked, f"did not finish in {LIMIT_SECONDS:.0f} s")
    return Figure(name, spent, "s", asked, f"{spent / bare:.1f} times the bare loop; {isolation()}, a process a step")


def flush_cost(instance: Instance) -> Iterator[Figure]:
    """What `ATRIUM_POWER_SAFE=1` costs, a flush to disk at each transition: the same works without and with it."""
    plain = {work.key: _median_seconds(instance, work) for work in (CHAIN, FAN)}
    instance.atrium("down")
    instance.run(str(instance.checkout / ".venv" / "bin" / "atrium"), "up", ATRIUM_POWER_SAFE="1")
    try:
        for work in (CHAIN, FAN):
            spent = _median_seconds(instance, work)
            more = (spent - plain[work.key]) / work.steps * 1000
            note = f"{more:+.1f} ms a step: without it {plain[work.key]:.2f} s; median of {ROUNDS}"
            yield Figure(f"{work.name}, `true`, ATRIUM_POWER_SAFE=1: Atrium", spent, "s", note=note)
    finally:
        instance.atrium("down")
        instance.atrium("up")


def _median_seconds(instance: Instance, work: Work) -> float:
    with instance.client(PROJECT) as client:
        return median_of(lambda: seconds_of(lambda: _to_its_end(client, manifest(work, "true"))), ROUNDS)


def start_to_start(instance: Instance) -> list[Figure]:
    """The chain of 50 by its step, and `argo submit --watch` of hello-world."""
    with instance.client(PROJECT) as client:
        spent = seconds_of(lambda: _to_its_end(client, manifest(CHAIN, "true")))
    per_step = Figure("workflow step, start to start", spent / CHAIN.steps * 1000, "ms", MOST_STEP_MS, CHAIN.name)
    return [per_step, hello_world(instance), *latency(instance)]


def hello_world(instance: Instance) -> Figure:
    """`argo submit --watch` of hello-world, by the real CLI."""
    name, binary = "hello-world through `argo submit --watch`", argo_binary()
    if binary is None:
        return Figure(name, None, "s", MOST_HELLO_SECONDS, "no argo CLI: set ATRIUM_TEST_ARGO or put it on the PATH")
    path = instance.home / "hello-world.yaml"
    path.write_text(HELLO)
    settings = {"ARGO_SERVER": f"localhost:{instance.port}", "ARGO_BASE_HREF": "/argo", "ARGO_HTTP1": "true", "ARGO_SECURE": "false",
                "ARGO_TOKEN": f"Bearer {instance.token(PROJECT)}", "ARGO_NAMESPACE": PROJECT, "KUBECONFIG": "/dev/null"}  # fmt: skip
    command = (binary, "submit", "--watch", str(path))
    return Figure(
        name, median_of(lambda: seconds_of(lambda: instance.run(*command, **settings)), ROUNDS), "s", MOST_HELLO_SECONDS
    )


def latency(instance: Instance) -> list[Figure]:
    """From the moment of submitting to the step's own first instruction, which tells the time."""
    with instance.client(PROJECT) as client:
        return [
            Figure(
                f"first step's latency, `{kind}`: Atrium", median_of(partial(_latency_ms, client, kind), ROUNDS), "ms"
            )
            for kind in KINDS
        ]


def _latency_ms(client: httpx.Client, kind: str) -> float:
    container = {"image": KINDS[kind][0], "command": CLOCKS[kind]}
    told = {"parameters": [{"name": "moment", "valueFrom": {"path": MOMENT}}]}
    spec = {"entrypoint": "main", "templates": [{"name": "main", "container": container, "outputs": told}]}
    begun = time.time()
    name = _to_its_end(client, {"metadata": {"generateName": "first-"}, "spec": spec})
    nodes = client.get(f"{API}/{name}").raise_for_status().json()["status"]["nodes"]
    return (float(next(iter(nodes.values()))["outputs"]["parameters"][0]["value"]) - begun) * 1000


def live_memory(instance: Instance) -> list[Figure]:
    """The workflow server's memory with 100 live workflows, each suspended between two steps."""
    templates: list[Json] = [
        {"name": "main", "steps": [[{"name": "before", "template": "step"}], [{"name": "wait", "template": "wait"}]]},
        {"name": "step", "container": {"image": "busybox", "command": ["true"]}},
        {"name": "wait", "suspend": {}},
    ]
    workflow = {"metadata": {"generateName": "live-"}, "spec": {"entrypoint": "main", "templates": templates}}
    before = instance.memory_mib()["argo"]
    with instance.client(PROJECT) as client:
        names = [_submit(client, workflow) for _ in range(LIVE)]
        wait_until(lambda: _waiting(client, names[-1]), LIMIT_SECONDS)
        after = instance.memory_mib()["argo"]
        for name in names:
            client.put(f"{API}/{name}/terminate", json={}).raise_for_status()
    return [Figure(f"workflow server with {LIVE} live workflows: Atrium", after, "MiB", note=f"idle {before} MiB")]


def _waiting(client: httpx.Client, name: str) -> bool:
    nodes = client.get(f"{API}/{name}").json()["status"].get("nodes") or {}
    return any(node["type"] == "Suspend" and node["phase"] == "Running" for node in nodes.values())


def lists(instance: Instance) -> list[Figure]:
    """Pages of a list that holds 10,000 finished runs, by Argo's REST and by the portal's; copies of one real run."""
    with instance.client(PROJECT) as client:
        name = _to_its_end(client, manifest(KEPT, "true"))
    python = str(instance.checkout / ".venv" / "bin" / "python")
    instance.run(python, "-m", "bench.archive", PROJECT, name, str(ARCHIVED))
    instance.atrium("restart", "argo")
    lists = {"Argo's list page": f"{API}?listOptions.limit={PAGE}", "the portal's list page": f"{RUNS}?limit={PAGE}"}
    with instance.client(PROJECT) as client:
        return [_list_page(client, title, path) for title, path in lists.items()]


def _list_page(client: httpx.Client, title: str, path: str) -> Figure:
    spent = median_of(lambda: seconds_of(lambda: client.get(path).raise_for_status()), LIST_ROUNDS) * 1000
    note = f"{PAGE} of {ARCHIVED:,}, median of {LIST_ROUNDS}"
    return Figure(f"{title}, {ARCHIVED:,} archived runs: Atrium", spent, "ms", MOST_LIST_MS, note)


HELLO = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: hello-world-}
spec:
  entrypoint: main
  templates:
  - name: main
    container: {image: busybox, command: [echo], args: [hello world]}
"""
