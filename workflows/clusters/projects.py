"""The worker's part on the home cluster: every project has its namespace there."""

import logging
import time

import tenancy
from atrium.database import reading
from atrium.errors import AtriumError
from atrium.identity import platform_actor
from workflows.clusters.home import HOME, home_cluster, prepare_project
from workflows.clusters.models import ClusterRow

log = logging.getLogger(__name__)


AGAIN_SECONDS = 60.0
_looked: dict[str, float] = {}  # when each project's namespace was last seen to be whole


def prepare_projects() -> None:
    """Makes the namespaces of new projects, and each minute what somebody deleted; one that fails keeps no other waiting."""
    if not home_cluster():
        return
    with reading() as session:
        row = session.get(ClusterRow, HOME)
    made = row.projects if row is not None else {}
    for project in tenancy.list_projects(platform_actor("worker")):
        due = project.name not in made or time.monotonic() > _looked.get(project.name, 0.0) + AGAIN_SECONDS
        if row is not None and due:
            try:
                prepare_project(project.name)
                _looked[project.name] = time.monotonic()
            except AtriumError as error:
                log.warning("project %s is not whole on the home cluster: %s", project.name, error)
