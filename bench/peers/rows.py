"""Each peer's rows: it does those that it finishes in three minutes, and the table says which it did not."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from bench.instance import Instance
from bench.peers import real_argo
from bench.peers.environments import installed, python, version
from bench.steps import LIMIT_SECONDS, MANY, WORKS, Work, hopeless

GIVEN, KEPT = Path(__file__).parent / "given", Path(__file__).parent / "kept.py"
FIRST = Work("first", "first step's latency", 1, 1)
START_SECONDS = 120.0
STARTING = ("luigi", "prefect", "airflow")  # their servers start before the clock does
PEERS = {
    "luigi": "luigid; a fork a step",
    "metaflow": "a process a step",
    "prefect": "server; steps in the flow's process",
    "dagster": "a fresh process a step",
    "airflow": "LocalExecutor; a process a step",
}
NO_ISOLATION = "no isolation"
LIVE = Work("live", "server with 100 live workflows", 100, 1)
LISTED = Work("lists", "list page, 10,000 archived runs", 10_000, 1)
HELD = {  # what a live one is, and how the ended ones came there; of Metaflow there is no server
    "luigi": ("tasks that a worker began, in luigid", "by its RPC; the visualiser's list of all, which has no pages"),
    "prefect": ("paused flow runs", "by its own models; 50 a page"),
    "dagster": (
        "started runs; webserver and daemon with their code servers",
        "by its own instance; 50 a page by GraphQL",
    ),
    "airflow": ("runs deferred in a sensor; all of `airflow standalone`", "by its own models; 50 a page by REST"),
}


class NotFinished(Exception):
    """A peer did not finish a row, or could not do it; its text says why."""


def _run(peer: str, work: Work) -> dict[str, float]:
    """What a peer's row took. Raises `NotFinished`."""
    script = f"{peer}_server.py" if work in (LIVE, LISTED) else f"{peer}.py"
    folder = tempfile.mkdtemp(prefix=f"{peer}-")
    command = [
        sys.executable,
        "-I",
        str(KEPT),
        str(python(peer)),
        str(GIVEN / script),
        work.key,
        str(work.steps),
        str(work.slots),
    ]
    environment = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ} | {"HOME": folder}
    with (Path(folder) / "said").open("w") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=said, text=True, start_new_session=True
        )
    starts = peer in STARTING or work in (LIVE, LISTED)
    try:
        printed, _ = process.communicate(timeout=LIMIT_SECONDS + (START_SECONDS if starts else 0))
        if process.returncode:
            words = (Path(folder) / "said").read_text().strip().splitlines()[-1:]
            raise NotFinished(f"failed: {' '.join(words)[:120]}")
        found: dict[str, float] = json.loads(printed.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        raise NotFinished(f"did not finish in {LIMIT_SECONDS:.0f} s") from None
    finally:
        process.terminate()  # and with it all that the peer started
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
    if found["seconds"] > LIMIT_SECONDS:
        raise NotFinished(f"did not finish in {LIMIT_SECONDS:.0f} s: it took {found['seconds']:.0f} s")
    return found


def peer_rows(peer: str) -> Iterator[Figure]:
    """A peer's rows. The largest is not tried where its smaller sister says that it cannot end in time, and says so."""
    how = f"{PEERS[peer]}; {NO_ISOLATION}"
    spent: dict[str, float] = {}
    for work in (FIRST, *WORKS):
        name, unit = f"{work.name}: {version(peer)}", "ms" if work is FIRST else "s"
        try:
            if work is MANY and (why := hopeless(spent)):
                raise NotFinished(why)
            seen = _run(peer, work)
        except NotFinished as reason:
            yield Figure(name, None, unit, note=f"{reason}; {how}")
            continue
        spent[work.key] = seen["seconds"]
        yield Figure(name, seen["latency"] * 1000 if work is FIRST else seen["seconds"], unit, note=how)


def server_rows(peer: str) -> Iterator[Figure]:
    """The peer's server: its memory with live runs, and a page of its list of ended ones."""
    for work, unit, key in ((LIVE, "MiB", "memory_mib"), (LISTED, "ms", "page_ms")):
        name = f"{work.name}: {version(peer)}"
        if peer not in HELD:
            yield Figure(name, None, unit, note="it has no server: its client reads the files of its runs")
            continue
        how = HELD[peer][work is LISTED]
        try:
            seen = _run(peer, work)
        except NotFinished as reason:
            yield Figure(name, None, unit, note=f"{reason}; {how}")
            continue
        idle = f"idle {seen['idle_mib']:.0f} MiB; " if work is LIVE else f"made in {seen['seconds']:.0f} s "
        yield Figure(name, seen[key], unit, note=f"{idle}{how}")


def installed_peers(_instance: Instance) -> Iterator[Figure]:
    """The rows of the peers that `make bench-peers` has installed, and of the real Argo where a cluster is named."""
    yield from real_argo.rows()
    for peer in PEERS:
        if installed(peer):
            yield from peer_rows(peer)
            yield from server_rows(peer)
        else:
            yield Figure(f"peer {peer}", None, "", note="not installed: make bench-peers")
