"""What steps on the home cluster get of the platform: their project's data folder, by the claim that the settings name, and a run's token."""

import copy
from collections.abc import Mapping
from typing import Any

import tenancy
from atrium.home import get_home
from atrium.settings import get_settings
from workflows.clusters.images import at_registry, containers
from workflows.clusters.seen import OWNER

VOLUME = "atrium-data"
STARTS = ("retry", "resubmit")  # what lets a workflow run again
KINDS = ("container", "script", "containerSet")


def as_home_run(project: str, workflow: Mapping[str, Any]) -> dict[str, Any]:
    """The workflow as it goes to the home cluster: with the project's data and from a private registry, where the settings name them."""
    settings = get_settings()
    made = with_registry(workflow, settings.image_registry, settings.pull_secret)
    return with_data(made, settings.data_claim, str(get_home().data(project))) if settings.data_claim else made


def as_home_template(project: str, kept: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """A workflow template or cron workflow as it goes to the home cluster: its runs are as any others; a cron workflow's tell whose they are."""
    spec = kept.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("workflowSpec"), dict):
        return as_home_run(project, kept)
    inner = as_home_run(project, {"spec": spec["workflowSpec"]})
    told = labelled({"metadata": spec.get("workflowMetadata")}, owner)
    return {**kept, "spec": {**spec, "workflowSpec": inner["spec"], "workflowMetadata": told["metadata"]}}


def labelled(workflow: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """The workflow, which tells by a label whose it is: on the cluster the project's account asks for everybody."""
    found = workflow.get("metadata")
    metadata = found if isinstance(found, dict) else {}
    labels = metadata.get("labels") if isinstance(metadata.get("labels"), dict) else {}
    return {**workflow, "metadata": {**metadata, "labels": {**(labels or {}), OWNER: owner}}}


def note_start(owner: str, project: str, workflow: Mapping[str, Any]) -> None:
    """Notes who started a workflow, or went on with it: its steps get a token with that one's rights until it ends."""
    run = str((workflow.get("metadata") or {}).get("name") or "")
    if run:
        tenancy.issue_run_token(owner, project, run)


def with_registry(workflow: Mapping[str, Any], registry: str, secret: str) -> dict[str, Any]:
    """The workflow whose images come from `registry`, pulled with `secret`; either may be empty. The one that was given stays as it is."""
    spec = copy.deepcopy(workflow.get("spec"))
    if not isinstance(spec, dict) or not (registry or secret):
        return dict(workflow)
    for one in containers(spec) if registry else ():
        one["image"] = at_registry(one["image"], registry)
    if secret and {"name": secret} not in (spec.get("imagePullSecrets") or []):
        spec["imagePullSecrets"] = [*(spec.get("imagePullSecrets") or []), {"name": secret}]
    return {**workflow, "spec": spec}


def with_data(workflow: Mapping[str, Any], claim: str, folder: str) -> dict[str, Any]:
    """The workflow, or kept template, whose templates' containers mount `claim` at `folder`; one with a volume of that name of its own stays as it is.

    Each template has the volume itself, so that it brings it along to where others refer to it.
    """
    spec = workflow.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("templates"), list) or _has_volume(spec):
        return dict(workflow)
    volume = {"name": VOLUME, "persistentVolumeClaim": {"claimName": claim}}
    templates = [_mounted(one, volume, folder) if isinstance(one, dict) else one for one in spec["templates"]]
    return {**workflow, "spec": {**spec, "templates": templates}}


def _has_volume(described: Mapping[str, Any]) -> bool:
    return any(isinstance(one, dict) and one.get("name") == VOLUME for one in described.get("volumes") or [])


def _mounted(template: dict[str, Any], volume: dict[str, Any], folder: str) -> dict[str, Any]:
    bodies = {key: template[key] for key in KINDS if isinstance(template.get(key), dict)}
    if not bodies or _has_volume(template):
        return template
    mount = {"name": VOLUME, "mountPath": folder}
    mounted = {key: {**one, "volumeMounts": [*(one.get("volumeMounts") or []), mount]} for key, one in bodies.items()}
    return {**template, **mounted, "volumes": [*(template.get("volumes") or []), volume]}
