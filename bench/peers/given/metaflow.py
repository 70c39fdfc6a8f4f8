"""Metaflow: local metadata and datastore, a process a step."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

CHAIN = "    @step\n    def s{n}(self):\n        self.next(self.{following})\n\n"
HEAD = """import time
from pathlib import Path
from metaflow import FlowSpec, step


class Bench(FlowSpec):
    @step
    def start(self):
        Path("began").write_text(str(time.time()))
        {start}

"""
FAN = """    @step
    def work(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

"""
TAIL = '    @step\n    def end(self):\n        pass\n\n\nif __name__ == "__main__":\n    Bench()\n'


def flow(row: str, steps: int) -> str:
    """The flow's source: a chain counts start and end as steps; a fan-out has them, and a join, beside its steps."""
    if row == "first":
        return HEAD.format(start="self.next(self.end)") + TAIL
    if row == "chain":
        names = [f"s{n}" for n in range(steps - 2)]
        body = "".join(CHAIN.format(n=n, following=[*names, "end"][n + 1]) for n in range(steps - 2))
        return HEAD.format(start=f"self.next(self.{names[0]})") + body + TAIL
    start = f"self.items = list(range({steps}))\n        self.next(self.work, foreach='items')"
    return HEAD.format(start=start) + FAN + TAIL


def main(row: str, steps: int, slots: int) -> None:
    """Gives Metaflow one row."""
    Path("flow.py").write_text(flow(row, steps))
    environment = dict(os.environ, METAFLOW_HOME=str(Path.cwd()), USERNAME="bench", METAFLOW_DEFAULT_DATASTORE="local",
                       METAFLOW_DEFAULT_METADATA="local", METAFLOW_DATASTORE_SYSROOT_LOCAL=str(Path.cwd()))  # fmt: skip
    limits = ["--max-workers", str(slots), "--max-num-splits", str(max(100, steps))]
    begun, clock = time.perf_counter(), time.time()
    subprocess.run([sys.executable, "flow.py", "--no-pylint", "run", *limits], check=True, stdout=2, env=environment)
    print(json.dumps({"seconds": time.perf_counter() - begun, "latency": float(Path("began").read_text()) - clock}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
