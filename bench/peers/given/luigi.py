"""Luigi: a central scheduler (luigid), and a worker that forks a process a step."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path = [
    one for one in sys.path if Path(one or ".").resolve() != Path(__file__).resolve().parent
]  # or `luigi` is this

import luigi  # noqa: E402

FOLDER = Path.cwd() / f"out-{time.time_ns()}"


class Step(luigi.Task):
    """A step that writes the moment at which it began."""

    number = luigi.IntParameter()
    chained = luigi.BoolParameter()

    def requires(self):
        """The step before, in a chain."""
        return [Step(number=self.number - 1, chained=True)] if self.chained and self.number else []

    def output(self):
        """Its file."""
        return luigi.LocalTarget(str(FOLDER / str(self.number)))

    def run(self):
        """Nothing but the file that says it is done."""
        with self.output().open("w") as file:
            file.write(str(time.time()))


def main(row: str, steps: int, slots: int) -> None:
    """Gives Luigi one row."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    luigid = Path(sys.executable).parent / "luigid"
    server = subprocess.Popen(
        [
            sys.executable,
            luigid,
            "--port",
            str(port),
            "--address",
            "127.0.0.1",
            "--state-path",
            str(FOLDER.with_suffix(".state")),
        ],
        stdout=2,
    )
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.05)
        asked = (
            [Step(number=steps - 1, chained=True)]
            if row == "chain"
            else [Step(number=n, chained=False) for n in range(steps)]
        )
        begun, clock = time.perf_counter(), time.time()
        good = luigi.build(
            asked, workers=max(2, slots), scheduler_host="127.0.0.1", scheduler_port=port, log_level="WARNING"
        )
        spent = time.perf_counter() - begun
        if not good:
            raise SystemExit("luigi did not succeed")
        print(json.dumps({"seconds": spent, "latency": float((FOLDER / "0").read_text()) - clock}))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
