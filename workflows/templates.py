"""A project's workflow templates, which pipelines refer to: read, written and run through Argo's REST."""

from collections.abc import Mapping
from typing import Any

from atrium.database import writing
from atrium.identity import Actor, Verb, require
from tenancy import audit
from workflows.backends.argo import ArgoBackend
from workflows.models import TemplateNotFound

MANAGED = ("creationTimestamp", "generation", "managedFields", "namespace", "resourceVersion", "uid")
CREATOR = "workflows.argoproj.io/"


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    """A template as its maker wrote it: without what the server keeps beside it."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in MANAGED}
    for place in ("labels", "annotations"):
        own = {key: value for key, value in (metadata.pop(place, None) or {}).items() if not key.startswith(CREATOR)}
        if own:
            metadata[place] = own
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": metadata,
        "spec": found["spec"],
    }


def list_templates(who: Actor, project: str) -> dict[str, dict[str, Any]]:
    """The project's WorkflowTemplates by name, as manifests. Raises `Forbidden`, `BackEndUnavailable`."""
    require(who, Verb.READ, project)
    items = ArgoBackend(who, project).call("GET", f"workflow-templates/{project}").get("items") or []
    return {one["metadata"]["name"]: _plain(one) for one in items}


def get_template(who: Actor, project: str, name: str) -> dict[str, Any]:
    """One of them. Raises `Forbidden`, `TemplateNotFound`, `BackEndUnavailable`."""
    found = list_templates(who, project).get(name)
    if found is None:
        raise TemplateNotFound(
            f"workflow template {name!r} of project {project!r}", "there is none of this name", "see the pipelines"
        )
    return found


def run_template(who: Actor, project: str, name: str, parameters: Mapping[str, str]) -> str:
    """Starts a run of a WorkflowTemplate with these parameters put over its own, as `argo submit --from` does; returns its name.

    Raises:
        Forbidden, RunNotFound, BackEndUnavailable; ManifestInvalid: what the server refuses.
    """
    require(who, Verb.WRITE, project)
    options = {"generateName": f"{name}-", "parameters": [f"{key}={value}" for key, value in parameters.items()]}
    body = {"resourceKind": "WorkflowTemplate", "resourceName": name, "submitOptions": options}
    return str(ArgoBackend(who, project).call("POST", f"workflows/{project}/submit", body)["metadata"]["name"])


def save_template(who: Actor, project: str, name: str, manifest: Mapping[str, Any]) -> None:
    """Makes a WorkflowTemplate, or replaces the one of that name.

    Raises:
        Forbidden, BackEndUnavailable; ManifestInvalid: with the server's own words.
    """
    require(who, Verb.WRITE, project)
    server = ArgoBackend(who, project)
    metadata = {**manifest.get("metadata", {}), "name": name, "namespace": project}
    body: dict[str, Any] = {**manifest, "kind": "WorkflowTemplate", "metadata": metadata}
    if name in list_templates(who, project):
        kept = server.call("GET", f"workflow-templates/{project}/{name}")["metadata"].get("resourceVersion")
        body["metadata"] = metadata | ({"resourceVersion": kept} if kept else {})
        server.call("PUT", f"workflow-templates/{project}/{name}", {"namespace": project, "template": body})
    else:
        server.call("POST", f"workflow-templates/{project}", {"namespace": project, "template": body})
    with writing() as session:
        audit(session, who, "template.save", project, name)
