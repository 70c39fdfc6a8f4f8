"""`python -m bench [PART …] [--here]`: measures, prints a table, and writes the same as JSON. Exits 1 where a figure is missed.

A fresh copy of this checkout is set up in an empty folder with empty caches, in a home and on ports of its own; what was started is
stopped and removed. `--here` takes this checkout's own environments, so that a part is quick to measure again.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from bench import cluster, inference, pages, setup, workflows
from bench.figures import Figure, head, told, write_json
from bench.instance import Instance, free_port
from bench.peers import rows as peers

CHECKOUT = Path(__file__).resolve().parent.parent
RESULTS = CHECKOUT / ".tools" / "bench.json"
PARTS: dict[str, Callable[[Instance], Iterable[Figure]]] = {
    "warm": setup.warm,
    "memory": setup.idle_memory,
    "pages": pages.pages,
    "inference": inference.inference,
    "workflows": workflows.start_to_start,
    "engine": workflows.rows,
    "peers": peers.installed_peers,
    "flush": workflows.flush_cost,
    "live": workflows.live_memory,
    "lists": workflows.lists,
    "cluster": cluster.cluster,
}
WITHOUT_EXAMPLES = {"cluster"}


def _measure(asked: list[str], here: bool, folder: Path) -> list[Figure]:
    checkout = CHECKOUT if here else folder / "atrium"
    instance = Instance(checkout, folder / "home", free_port())
    found: list[Figure] = []
    try:
        if here:
            instance.atrium("up", *([] if set(asked) - WITHOUT_EXAMPLES else ["--no-examples"]))
        else:
            setup.copy_checkout(CHECKOUT, checkout)
            found += told(setup.fresh(instance, folder / "caches"))
        for name in asked:
            found += told(PARTS[name](instance))
    finally:
        instance.stop()
    return found


def main() -> None:
    """Measures the parts that are asked for, every one by default."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help=f"of {', '.join(PARTS)}; every one by default")
    parser.add_argument("--here", action="store_true", help="with this checkout's environments, without a fresh set-up")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="atrium-bench-"))
    print(head(), flush=True)
    try:
        found = _measure(given.parts or list(PARTS), given.here, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    load = os.getloadavg()[0]
    write_json(found, RESULTS, machine=platform.platform(), cores=os.cpu_count(), load_average=load)
    missed = [one for one in found if not one.kept]
    print(f"\n{len(found) - len(missed)} of {len(found)} kept; load average {load:.1f}; the same as JSON: {RESULTS}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
