"""What steps on the home cluster get of the platform: their project's data folder, by the claim that the settings name, and a run's token."""

from collections.abc import Mapping
from typing import Any

import tenancy
from atrium.home import get_home
from atrium.settings import get_settings

VOLUME = "atrium-data"
STARTS = ("retry", "resubmit")  # what lets a workflow run again
KINDS = ("container", "script")


def as_home_run(project: str, workflow: Mapping[str, Any]) -> dict[str, Any]:
    """The workflow as it goes to the home cluster: with the project's data, where the settings name a claim of it."""
    claim = get_settings().data_claim
    return with_data(workflow, claim, str(get_home().data(project))) if claim else dict(workflow)


def note_start(owner: str, project: str, workflow: Mapping[str, Any]) -> None:
    """Notes who started a workflow, or went on with it: its steps get a token with that one's rights until it ends."""
    run = str((workflow.get("metadata") or {}).get("name") or "")
    if run:
        tenancy.issue_run_token(owner, project, run)


def with_data(workflow: Mapping[str, Any], claim: str, folder: str) -> dict[str, Any]:
    """The workflow whose templates' containers mount `claim` at `folder`; one with a volume of that name of its own stays as it is."""
    spec = workflow.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("templates"), list):
        return dict(workflow)
    volumes = spec.get("volumes") or []
    if any(isinstance(one, dict) and one.get("name") == VOLUME for one in volumes):
        return dict(workflow)
    volumes = [*volumes, {"name": VOLUME, "persistentVolumeClaim": {"claimName": claim}}]
    templates = [_mounted(one, folder) if isinstance(one, dict) else one for one in spec["templates"]]
    return {**workflow, "spec": {**spec, "volumes": volumes, "templates": templates}}


def _mounted(template: dict[str, Any], folder: str) -> dict[str, Any]:
    mount = {"name": VOLUME, "mountPath": folder}
    bodies = {key: template[key] for key in KINDS if isinstance(template.get(key), dict)}
    found = {
        **template,
        **{key: {**one, "volumeMounts": [*(one.get("volumeMounts") or []), mount]} for key, one in bodies.items()},
    }
    several = template.get("containerSet")
    if isinstance(several, dict):
        found["containerSet"] = {**several, "volumeMounts": [*(several.get("volumeMounts") or []), mount]}
    return found
