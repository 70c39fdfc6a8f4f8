"""`artifactRepositoryRef`: where a workflow's artifacts are kept, as a config map of the project says."""

from typing import TYPE_CHECKING, Any

import yaml

from workflows.engine.state import Json
from workflows.engine.templating import fill

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflows.engine.machine.core import Machine

MAP = "artifact-repositories"
DEFAULT_KEY = "workflows.argoproj.io/default-artifact-repository"
STATUS = "artifactRepositoryRef"


class RepositoryInvalid(ValueError):
    """The repository is not to be had; the text is Argo's."""


def set_repository(machine: "Machine") -> None:
    """Keeps in the status which repository the workflow has, once; none stands for the project's own store.

    Raises:
        RepositoryInvalid: the one that it names is not there, or is not an S3.
    """
    wf = machine.wf
    asked = wf.spec.get(STATUS)
    wanted: Json = asked or {}
    name = str(wanted.get("configMap") or MAP)
    found = machine.world.config_maps.config_map(wf.namespace, name) or {}
    default = (found.get("metadata", {}).get("annotations") or {}).get(DEFAULT_KEY) or ""
    key = str(wanted.get("key") or default)
    text = (found.get("data") or {}).get(key)
    if text is None:
        if asked is None:
            return
        shown = f"{wanted.get('configMap') or ''}#{wanted.get('key') or ''}"
        raise RepositoryInvalid(f'failed to find any artifact repository for artifact repository ref "{shown}"')
    place = f"{wf.namespace}/{name}#{key}"
    repository = _read(text, key, place)
    if not (repository.get("s3") or {}).get("endpoint"):
        raise RepositoryInvalid(
            f'artifact repository "{place}": this server keeps artifacts in the project\'s own store or in an S3: '
            "set s3.endpoint and s3.bucket"
        )
    wf.status[STATUS] = {"configMap": name, "key": key, "namespace": wf.namespace, "artifactRepository": repository}


def _read(text: str, key: str, place: str) -> Json:
    try:
        found: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        told = str(error).partition("\n")[0]
        raise RepositoryInvalid(
            f'error getting config map for artifact repository ref "{place}": failed to unmarshall config map key "{key}" '
            f'for artifact repository ref "{place}": {told}'
        ) from error
    return found if isinstance(found, dict) else {}


def store_of(status: Json, names: "Mapping[str, Any]", pod: str) -> Json | None:
    """The S3 of a workflow's repository with the key below which a pod's artifacts lie; None where it has none."""
    repository = (status.get(STATUS) or {}).get("artifactRepository")
    if not repository:
        return None
    store = dict(repository["s3"])
    pattern = store.pop("keyFormat", None) or "{{workflow.name}}/{{pod.name}}"
    known = {key: names[key] for key in names if key.startswith("workflow.")}
    return {**store, "key": fill(str(pattern), {**known, "pod.name": pod})}
