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
from bench.steps import FAN, LIMIT_SECONDS, MANY, WORKS, Work

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


class NotFinished(Exception):
    """A peer did not finish a row, or could not do it; its text says why."""


def _run(peer: str, work: Work) -> dict[str, float]:
    """What a peer's row took. Raises `NotFinished`."""
    folder = tempfile.mkdtemp(prefix=f"{peer}-")
    command = [
        sys.executable,
        "-I",
        str(KEPT),
        str(python(peer)),
        str(GIVEN / f"{peer}.py"),
        work.key,
        str(work.steps),
        str(work.slots),
    ]
    environment = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ} | {"HOME": folder}
    with (Path(folder) / "said").open("w") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=said, text=True, start_new_session=True
        )
    try:
        printed, _ = process.communicate(timeout=LIMIT_SECONDS + (START_SECONDS if peer in STARTING else 0))
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
            if work is MANY and (hopeless := _hopeless(spent)):
                raise NotFinished(hopeless)
            seen = _run(peer, work)
        except NotFinished as reason:
            yield Figure(name, None, unit, note=f"{reason}; {how}")
            continue
        spent[work.key] = seen["seconds"]
        yield Figure(name, seen["latency"] * 1000 if work is FIRST else seen["seconds"], unit, note=how)


def _hopeless(spent: dict[str, float]) -> str:
    if FAN.key not in spent:
        return f"not tried: it did not finish {FAN.steps} steps"
    expected = spent[FAN.key] * MANY.steps / FAN.steps
    if expected <= LIMIT_SECONDS:
        return ""
    return f"not tried: {FAN.steps} took {spent[FAN.key]:.0f} s, so these would take about {expected:.0f} s"


def installed_peers(_instance: Instance) -> Iterator[Figure]:
    """The rows of the peers that `make bench-peers` has installed, and of the real Argo where a cluster is named."""
    yield from real_argo.rows()
    for peer in PEERS:
        if installed(peer):
            yield from peer_rows(peer)
        else:
            yield Figure(f"peer {peer}", None, "", note="not installed: make bench-peers")
