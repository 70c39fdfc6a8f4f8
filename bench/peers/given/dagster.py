"""Dagster: `dagster job execute` on its own storage, its default executor: a fresh process a step."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

JOB = """import time
from pathlib import Path
from dagster import In, Nothing, job, multiprocess_executor, op


@op(ins={{"before": In(Nothing)}})
def step():
    if not Path("{folder}/began").exists():
        Path("{folder}/began").write_text(str(time.time()))


@job(executor_def=multiprocess_executor.configured({{"max_concurrent": {slots}}}))
def bench():
{body}
"""


def body(row: str, steps: int) -> str:
    """The job's steps: a chain, or all beside each other."""
    names = [f"s{n}" for n in range(steps)]
    if row == "chain":
        before = ["", *names]
        return "\n".join(f"    {name} = step.alias('{name}')({before[n]})" for n, name in enumerate(names))
    return "\n".join(f"    step.alias('{name}')()" for name in names)


def main(row: str, steps: int, slots: int) -> None:
    """Gives Dagster one row."""
    folder = Path.cwd()
    Path("bench_job.py").write_text(JOB.format(folder=folder, slots=slots, body=body(row, steps)))
    Path("dagster.yaml").write_text("telemetry: {enabled: false}\n")
    environment = dict(os.environ, DAGSTER_HOME=str(folder))
    command = [sys.executable, "-m", "dagster", "job", "execute", "-f", "bench_job.py", "-j", "bench"]
    begun, clock = time.perf_counter(), time.time()
    subprocess.run(command, check=True, stdout=2, env=environment)
    print(json.dumps({"seconds": time.perf_counter() - begun, "latency": float(Path("began").read_text()) - clock}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
