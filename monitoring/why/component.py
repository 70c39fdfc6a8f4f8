"""Why a component is down, silent or restarting."""

from datetime import timedelta
from pathlib import Path

from atrium.clock import now
from atrium.database import reading
from atrium.home import get_home
from atrium.identity import Actor
from monitoring.models import ComponentNotFound, Evidence, Said, Step, Why
from monitoring.replicas import find_row
from monitoring.service import component, require_somebody

LINES = 20
LATELY = timedelta(hours=1)
LONGEST_READ_BYTES = 64 * 1024


def last_lines(path: Path, lines: int = LINES) -> str:
    """The last lines of a log file; empty where there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LONGEST_READ_BYTES))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def why_component(who: Actor, _project: str, name: str) -> Why:
    """Since when, how it was checked, how often it was started again; for the administrator its last log lines."""
    require_somebody(who)
    with reading() as session:
        row = find_row(session, name)
    if row is None:
        raise ComponentNotFound(
            f"component {name!r}", "the platform has none of this name", "see .venv/bin/atrium status"
        )
    one = component(row)
    values = {"name": name, "state": one.state, "since": f"{one.changed_at:%Y-%m-%d %H:%M:%S} UTC"}
    because = {
        "up": Said("Component {name} answers since {since}", values),
        "silent": Said("Component {name} runs but does not answer since {since}", values),
        "starting": Said("Component {name} is starting since {since}", values),
    }.get(one.state, Said("Component {name} does not run since {since}", values))
    evidence = [Evidence(Said("How it was checked"), one.checked)]
    if one.restarts:
        told = {"n": one.restarts, "last": f"{one.restarted_at:%Y-%m-%d %H:%M:%S} UTC" if one.restarted_at else "–"}
        evidence.append(Evidence(Said("It died and was started again, last at {last}; times in all: {n}", told)))
    if who.administrator and (text := last_lines(get_home().logs / f"{name}.log")):
        evidence.append(Evidence(Said("The last lines of its log"), text))
    steps = [] if one.state == "up" else [Step(Said("Start it again"), one.mend or f".venv/bin/atrium restart {name}")]
    died_lately = one.restarted_at is not None and now() - one.restarted_at < LATELY
    if (one.state != "up" or died_lately) and "@" not in name:  # a log of another home is not here
        steps.append(Step(Said("Read its log"), f"less {get_home().logs / f'{name}.log'}" if who.administrator else ""))
    return Why(f"component/{name}", one.state, because, evidence, steps, fine=one.state == "up" and not died_lately)
