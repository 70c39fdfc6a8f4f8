"""A workspace a project: chosen by header or by the identity, made when a project first comes."""

from functools import lru_cache

from atrium.errors import Forbidden, Invalid
from atrium.identity import Actor
from tenancy import project_exists


class WorkspaceAmbiguous(Invalid):
    """The client named no workspace and its identity holds several projects."""


class WorkspaceNotProject(Forbidden):
    """The workspace is no project of this platform."""


def choose(who: Actor, named: str | None) -> str:
    """The project of a request: the workspace that the client named, else the only one of its identity.

    Raises:
        WorkspaceAmbiguous: several projects and none named.
    """
    if named:
        return named
    if len(who.projects) == 1:
        return who.projects[0]
    raise WorkspaceAmbiguous(
        "a request to MLflow that names no workspace",
        f"this identity holds several projects: {', '.join(who.projects) or 'none'}",
        "set MLFLOW_WORKSPACE, call mlflow.set_workspace, or send the header X-MLFLOW-WORKSPACE",
    )


@lru_cache(maxsize=1024)
def ensure(project: str) -> None:
    """Makes the project's workspace if it is not there. Raises `WorkspaceNotProject` where there is no such project."""
    from mlflow.entities import Workspace
    from mlflow.exceptions import MlflowException
    from mlflow.server.workspace_helpers import _get_workspace_store

    if not project_exists(project):
        raise WorkspaceNotProject(
            f"workspace {project!r}", "a workspace is a project of the platform", "create the project in the portal"
        )
    store = _get_workspace_store()
    try:
        store.get_workspace(project)
    except MlflowException as missing:
        if missing.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        try:
            store.create_workspace(Workspace(name=project, description=f"Project {project}"))
        except MlflowException as raced:
            if raced.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
