"""What a request to Argo's REST asks for: whose project, which right. What is not known here is not let through."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException

from atrium.identity import Verb
from workflows.clusters.seen import OWNER
from workflows.clusters.steps import STARTS, labelled

NOUNS = "workflows|workflow-templates|cron-workflows"
PART = "[A-Za-z0-9._@-]+"  # of Kubernetes and Argo's names; "@latest" is a workflow
NAMED = re.compile(rf"/api/v1/(?P<noun>{NOUNS})/(?P<project>{PART})(?P<rest>(/{PART}){{0,3}})/?")
EVENTS = re.compile(rf"/api/v1/(?P<noun>workflow-events|stream/events)/(?P<project>{PART})(?P<rest>)")
FILES = re.compile(
    rf"/(?P<noun>artifacts|input-artifacts|artifact-files)/(?P<project>{PART})(?P<rest>(/{PART}){{1,20}})/?"
)
EVERY = re.compile(rf"/api/v1/(?P<noun>{NOUNS}|workflow-events)/?")
DOTS = re.compile(r"(^|/)\.\.?(/|$)")
BODIES = {"workflows": "workflow", "workflow-templates": "template", "cron-workflows": "cronWorkflow"}
READS = ("GET", "HEAD")


@dataclass(frozen=True)
class Asked:
    """`path` is Argo's, with the project in it; `action` is for the audit, empty for reads.

    `creates`: its body is of a new workflow. `starts`: its answer is a workflow that starts, a retried one too.
    """

    project: str
    verb: Verb
    path: str
    noun: str
    action: str = ""
    creates: bool = False
    starts: bool = False

    @property
    def schedules(self) -> bool:
        """Whether its answer is a cron workflow as it is kept from now on."""
        return self.action in ("cron-workflow.submit", "cron-workflow.save")

    @property
    def keeps(self) -> str:
        """The key of its body that holds a template to keep, or a cron workflow; empty where none is kept."""
        return BODIES.get(self.noun, "") if self.verb is Verb.WRITE and self.noun != "workflows" else ""


def read_asked(method: str, path: str, projects: Sequence[str]) -> Asked:
    """What is asked by `method` at `path`, as it came; `projects` are those of who asks, for lists that name none.

    Raises:
        HTTPException: 400 where a list names no project and several are possible, 501 for what no project has.
    """
    if DOTS.search(path):
        raise HTTPException(400, f"{path[:100]!r} is no path of Argo's REST: it has dots for a name")
    if every := EVERY.fullmatch(path):
        if len(projects) != 1:
            known = ", ".join(projects[:20]) or "every project"
            raise HTTPException(400, f"name a namespace: you may ask of {known}; for example -n NAME")
        return Asked(projects[0], Verb.READ, f"{path.rstrip('/')}/{projects[0]}", every["noun"])
    found = NAMED.fullmatch(path) or EVENTS.fullmatch(path) or FILES.fullmatch(path)
    if found is None:
        told = "through the platform go workflows, workflow templates, cron workflows, their events, logs and artifacts of a namespace"
        raise HTTPException(501, f"{path[:100]!r} is not served: {told}")
    noun, rest = found["noun"], found["rest"].strip("/").split("/")
    if method in READS:
        return Asked(found["project"], Verb.READ, path, noun)
    if noun not in BODIES:
        raise HTTPException(405, f"{noun} are read, never written")
    what = {"DELETE": "delete", "POST": rest[-1] or "submit"}.get(method) or (rest[1] if len(rest) > 1 else "save")
    creates = method == "POST" and noun == "workflows" and rest in ([""], ["submit"])
    starts = creates or (method == "PUT" and noun == "workflows" and what in STARTS)
    verb = Verb.READ if what == "lint" else Verb.WRITE
    action = "" if what == "lint" else f"{noun.removesuffix('s')}.{what}"
    return Asked(found["project"], verb, path, noun, action, creates, starts)


def check_body(asked: Asked, body: Mapping[str, Any]) -> None:
    """Raises HTTPException 400 where a body names another namespace than the path."""
    inner = body.get(BODIES.get(asked.noun, ""))
    metadata = inner.get("metadata") if isinstance(inner, dict) else None
    named = [body.get("namespace"), metadata.get("namespace") if isinstance(metadata, dict) else None]
    for one in named:
        if one not in (None, "", asked.project):
            raise HTTPException(
                400, f"the body is for namespace {str(one)[:63]!r}, the path for {asked.project!r}: they must be one"
            )


def owned(asked: Asked, body: dict[str, Any], owner: str) -> dict[str, Any]:
    """The body of a new workflow, which tells who asked."""
    if not asked.creates:
        return body
    if asked.path.rstrip("/").endswith("/submit"):
        options = body.get("submitOptions") if isinstance(body.get("submitOptions"), dict) else {}
        given = [
            one
            for one in str((options or {}).get("labels") or "").split(",")
            if one and not one.startswith(f"{OWNER}=")
        ]
        return {**body, "submitOptions": {**(options or {}), "labels": ",".join([*given, f"{OWNER}={owner}"])}}
    workflow = body.get("workflow")
    if not isinstance(workflow, dict):
        raise HTTPException(400, "workflow body not specified")
    return {**body, "workflow": labelled(workflow, owner)}
