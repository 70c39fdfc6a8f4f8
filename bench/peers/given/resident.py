"""What a peer's server holds in memory, seen from outside, and how long its list page takes; of the standard library alone."""

import json
import statistics
import time
import urllib.error
import urllib.request
from pathlib import Path

PAGE, ROUNDS = 50, 20
BUSY = (500, 503)


def resident_mib(*pids: int) -> float:
    """Resident memory of processes and of all below them, in MiB, as the measured instance's own is counted."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents.setdefault(int(path.read_text().rpartition(")")[2].split()[1]), []).append(int(path.parent.name))
        except OSError:  # it has ended
            continue
    family = list(pids)
    for one in family:
        family += parents.get(one, [])
    return sum(_resident_kib(one) for one in family) / 1024


def _resident_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def asked(url: str, body: dict | None = None, headers: dict | None = None) -> object:
    """The JSON that a server answers a GET with, or a POST where there is a body. Raises `urllib.error.URLError`."""
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, sent, {"Content-Type": "application/json", **(headers or {})})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())


def made(url: str, body: dict, headers: dict | None = None) -> object:
    """The same for something new; again where the server says that its database is busy, as the peers' own clients do."""
    while True:
        try:
            return asked(url, body, headers)
        except urllib.error.HTTPError as error:
            if error.code not in BUSY:
                raise
            time.sleep(0.1)


def page_ms(url: str, body: dict | None = None, headers: dict | None = None) -> float:
    """Milliseconds that a page takes, the median."""
    spent = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        asked(url, body, headers)
        spent.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent)


def told(row: str, idle: float, servers: list[int], filling: float, page: float) -> None:
    """Prints the row's answer: memory of the servers' processes with live runs, or the page's time."""
    found = {"idle_mib": idle, "memory_mib": resident_mib(*servers)} if row == "live" else {"page_ms": page}
    print(json.dumps({"seconds": filling, **found}))
