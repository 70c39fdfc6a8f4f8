"""`python -m bench.archive PROJECT RUN COUNT`: copies a finished run many times, as the workflow server and the worker keep it.

The home is that of the settings; the workflow server must read its file anew afterwards.
"""

import copy
import sys
import uuid
from datetime import datetime, timedelta

from atrium.database import writing
from atrium.home import get_home
from workflows.engine.state import Workflow, stamp
from workflows.engine.store import Store
from workflows.models import RunSummaryRow


def _copy(run: Workflow, number: int) -> Workflow:
    made = Workflow(copy.deepcopy(run.document), nodes=dict(run.nodes))
    made.metadata.update(name=f"{run.name}-{number}", uid=str(uuid.uuid4()))
    moment = datetime.fromisoformat(str(run.metadata["creationTimestamp"])) - timedelta(minutes=number + 1)
    made.metadata["creationTimestamp"] = stamp(moment)
    made.dirty.update(made.nodes)
    return made


def _summary(run: Workflow) -> RunSummaryRow:
    created = datetime.fromisoformat(str(run.metadata["creationTimestamp"]))
    return RunSummaryRow(
        project=run.namespace, name=run.name, pipeline="", phase=run.phase, progress=str(run.status.get("progress", "")),
        message="", owner="admin", created_at=created, started_at=created, finished_at=created,
    )  # fmt: skip


def main(project: str, name: str, count: int) -> None:
    """Writes `count` copies of one run; each has its nodes too."""
    store = Store(get_home().engine / "engine.db")
    run = store.load(project, name)
    if run is None:
        raise SystemExit(f"run {name!r} of project {project!r}: there is none; run it first")
    copies = [_copy(run, number) for number in range(count)]
    store.save(*copies)
    with writing() as session:
        session.add_all([_summary(one) for one in copies])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
