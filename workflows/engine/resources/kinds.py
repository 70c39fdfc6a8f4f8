"""Argo's own kinds, whose objects this server keeps itself, and which templates act on them."""

import re
from dataclasses import dataclass

import yaml

from workflows.engine.resources.carrying import Loader
from workflows.engine.resources.rules import check_flags
from workflows.engine.state import Json

VERSION = "argoproj.io/v1alpha1"
TAG = re.compile(r"\{\{.*?\}\}", re.DOTALL)
UNKNOWN = "not-known-yet"


@dataclass(frozen=True)
class Kind:
    """One of them: its plural, its place in Argo Server's REST, the field of a body that holds it, its short names."""

    plural: str
    path: str
    field: str
    short: tuple[str, ...]


KINDS = {
    "Workflow": Kind("workflows", "workflows", "workflow", ("wf",)),
    "WorkflowTemplate": Kind("workflowtemplates", "workflow-templates", "template", ("wftmpl",)),
    "ClusterWorkflowTemplate": Kind(
        "clusterworkflowtemplates", "cluster-workflow-templates", "template", ("clusterwftmpl", "cwft")
    ),
    "CronWorkflow": Kind("cronworkflows", "cron-workflows", "cronWorkflow", ("cwf", "cronwf")),
}
NAMES = {name: kind for kind, about in KINDS.items() for name in (kind.lower(), about.plural, *about.short)}


def kind_named(word: str) -> str | None:
    """The kind that a flag names (`workflow`, `wf`, `workflows.argoproj.io`), if it is one of Argo's."""
    name, dot, group = word.lower().partition(".")
    return NAMES.get(name) if not dot or group in ("argoproj.io", "v1alpha1.argoproj.io") else None


def is_own(resource: Json, manifest: str) -> bool | None:
    """Whether a resource template acts on Argo's own kinds alone; None where its texts do not tell yet. Raises `ResourceRefused`."""
    try:
        documents = [one for one in yaml.load_all(TAG.sub(UNKNOWN, manifest), Loader) if isinstance(one, dict)]
    except yaml.YAMLError:
        return None
    named = [(str(one.get("apiVersion")), str(one["kind"])) for one in documents if one.get("kind")]
    if named:
        known = all(version == VERSION and kind in KINDS for version, kind in named)
        return None if UNKNOWN in str(named) else known
    if not resource.get("flags"):
        return False if manifest or not resource.get("manifestFrom") else None
    kinds = check_flags([TAG.sub(UNKNOWN, str(one)) for one in resource["flags"]], "")
    return None if UNKNOWN in str(kinds) else bool(kinds) and all(map(kind_named, kinds))
