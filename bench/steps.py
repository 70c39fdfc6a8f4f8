"""Steps of the workflow server against a bare loop that starts the same commands with the same isolation.

`python -m bench.steps` prints both for a chain of 50, 200 over the slots and 1,000, for each kind of step. The bare loop executes
bwrap for each step with the options that the server gives it, as many at once as the server has slots, without folders, database,
limits, logs and outputs.
"""

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from workflows.engine.images import ImageUnknown, runtime_folders, shipped_image
from workflows.engine.roots import make_root, prepare_etc, skeleton
from workflows.engine.sandbox import Container, bwrap_binary, bwrap_options, sandbox_works

SLOTS = 8
KINDS = {
    "true": ("busybox", ["true"]),
    "python -c pass": ("python:3.11", ["python", "-c", "pass"]),
}


@dataclass(frozen=True)
class Work:
    """So many steps, `slots` at once; in a chain one after the other. `key` is a word for it."""

    key: str
    name: str
    steps: int
    slots: int


CHAIN, FAN, MANY = WORKS = (
    Work("chain", "chain of 50 steps", 50, 1),
    Work("fan", "fan-out of 200 over 8 slots", 200, SLOTS),
    Work("many", "1,000 steps over 8 slots", 1000, SLOTS),
)
LIMIT_SECONDS = 180.0  # what nobody finishes in three minutes is told and left


def manifest(work: Work, kind: str) -> dict[str, object]:
    """The workflow of such steps: a chain as a DAG, else one loop."""
    image, command = KINDS[kind]
    template = {"name": "step", "container": {"image": image, "command": command}}
    if work.slots == 1:
        tasks = [
            {"name": f"t{n}", "template": "step", **({"depends": f"t{n - 1}"} if n else {})} for n in range(work.steps)
        ]
        main: dict[str, object] = {"name": "main", "dag": {"tasks": tasks}}
    else:
        step = {"name": "n", "template": "step", "withSequence": {"count": str(work.steps)}}
        main = {"name": "main", "steps": [[step]]}
    spec = {"entrypoint": "main", "parallelism": work.slots, "templates": [main, template]}
    return {"metadata": {"generateName": "bench-"}, "spec": spec}


def hopeless(spent: dict[str, float]) -> str:
    """Why the largest work is not worth a try after what its smaller sister took (seconds by key); empty where it is."""
    if FAN.key not in spent:
        return f"not tried: it did not finish {FAN.steps} steps"
    expected = spent[FAN.key] * MANY.steps / FAN.steps
    if expected <= LIMIT_SECONDS:
        return ""
    return f"not tried: {FAN.steps} took {spent[FAN.key]:.0f} s, so these would take about {expected:.0f} s"


def isolation() -> str:
    """The isolation that steps get here, in words."""
    return "bubblewrap" if sandbox_works() else "none: bubblewrap does not work here"


def bare_seconds(work: Work, kind: str) -> float:
    """Seconds that the bare loop takes for the same."""
    name, command = KINDS[kind]
    if (image := shipped_image(name)) is None:
        raise ImageUnknown(f"image {name!r}", "an image that every machine has", "mend KINDS")
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        place = Path(folder)
        etc = place / "etc"
        prepare_etc(etc)
        commands = []
        for number in range(work.slots):
            root = place / "roots" / str(number)
            make_root(root, skeleton(runtime_folders()))
            one = Container(place, "main", root, command, {"ATRIUM_PROJECT": "bench"}, image)
            commands.append([bwrap_binary(), *bwrap_options(one, etc), "--", *command])

        def loop(number: int) -> None:
            for _ in range(work.steps // work.slots):
                subprocess.run(commands[number], check=True, stdin=subprocess.DEVNULL)

        begun = time.perf_counter()
        with ThreadPoolExecutor(work.slots) as pool:
            list(pool.map(loop, range(work.slots)))
        return time.perf_counter() - begun


if __name__ == "__main__":
    for each in WORKS:
        for one in KINDS:
            sys.stdout.write(f"{each.name:<28} {one:<16} bare {bare_seconds(each, one):7.2f} s\n")
