"""A step's pod shows its own account's token, and gets the token of the run that it belongs to.

Nothing is written into a workflow and no secret is kept beside it: a pod's token is the kubelet's, bound to that pod, and the API
server itself says whose it is. Who started the run is what the proxy noted when it was started, never what a label says.
"""

import base64
import binascii
import json
from dataclasses import dataclass

import tenancy
from atrium.database import reading
from atrium.errors import Forbidden, NotSignedIn, Unavailable
from atrium.identity import platform_actor
from workflows.backends.argo import ArgoBackend
from workflows.clusters.argo_server import argo_server
from workflows.clusters.crons import note_cron_run
from workflows.clusters.home import HOME, pod_access, project_access
from workflows.clusters.kube import Json, Kube
from workflows.clusters.models import ClusterRow
from workflows.clusters.seen import template_of, whole_status
from workflows.engine.state import FULFILLED, pod_name

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
POD_NAME, POD_UID = "authentication.kubernetes.io/pod-name", "authentication.kubernetes.io/pod-uid"
POD_NAMES = "workflows.argoproj.io/pod-name-format"
ACCOUNT = "system:serviceaccount:"
ASKED, STEP = "the token of a run", "atrium/runtime asks for it by itself; see docs/cluster-install.md"


class StepNotKnown(Unavailable):
    """Argo has not noted yet that this pod is a step of its workflow, or it is none."""


@dataclass(frozen=True)
class OfStep:
    """What a step gets: its run, and the run's token."""

    project: str
    run: str
    token: str


def run_token(shown: str) -> OfStep:
    """The token of the run whose pod shows `shown`, its account's own token.

    Raises:
        NotSignedIn: it is not that of a pod in a project's namespace, or the API server does not know it;
        Forbidden: the pod is none of a workflow's; StepNotKnown: that workflow has no such step running;
        CronChanged; RunTokenNotFound: nobody whom the platform knows started the run, or it has ended; ClusterUnavailable, ClusterRefused.
    """
    claimed = claimed_namespace(shown)
    with reading() as session:
        row = session.get(ClusterRow, HOME)
    project = next((name for name, own in (row.projects if row else {}).items() if own == claimed), None)
    if not claimed or project is None or row is None:
        raise NotSignedIn(ASKED, "a pod in a project's namespace shows the token of its own account", STEP)
    namespace, pod, uid = _reviewed(shown)
    if namespace != claimed:
        raise NotSignedIn(ASKED, "the API server knows the account that is shown", STEP)
    workflow = _workflow_of(row, namespace, pod, uid)
    note_cron_run(project, workflow)
    run = workflow["metadata"]["name"]
    return OfStep(project, run, tenancy.token_of_run(project, run))


def claimed_namespace(shown: str) -> str:
    """The namespace that a service account's token claims; empty where it is no such token of a pod. Nothing is checked here."""
    parts = shown.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        bound = claims["kubernetes.io"]
        return str(bound["namespace"]) if bound["pod"]["name"] else ""
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return ""


def _reviewed(shown: str) -> tuple[str, str, str]:
    """Namespace, name and uid of the pod, as the API server knows them."""
    wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": shown}}
    with Kube(HOME, pod_access()) as kube:
        status: Json = kube.ask("POST", REVIEWS, wanted).get("status") or {}
    user = status.get("user") or {}
    name, extra = str(user.get("username") or ""), user.get("extra") or {}
    if not status.get("authenticated") or not name.startswith(ACCOUNT) or not extra.get(POD_NAME):
        raise NotSignedIn(ASKED, "the API server knows the account that is shown", STEP)
    return name.removeprefix(ACCOUNT).partition(":")[0], str(extra[POD_NAME][0]), str((extra.get(POD_UID) or [""])[0])


def _workflow_of(row: ClusterRow, namespace: str, pod: str, uid: str) -> Json:
    """The workflow of which a pod is a running step."""
    access = project_access(namespace)
    with Kube(HOME, access) as kube:
        found = kube.ask("GET", f"/api/v1/namespaces/{namespace}/pods", fieldSelector=f"metadata.name={pod}")
        same = [
            one["metadata"] for one in found.get("items") or [] if one["metadata"].get("uid") == uid
        ]  # none: just deleted
        run = next(filter(None, map(claimed_run, same)), "")
        workflows = kube.ask("GET", WORKFLOWS.format(namespace), fieldSelector=f"metadata.name={run}") if run else {}
    owner = next((one for one in workflows.get("items") or [] for own in same if owns(one["metadata"], own)), None)
    if owner is None:
        told = "it is a pod of a workflow that is there: its owner reference names that workflow's uid"
        raise Forbidden(f"{ASKED} for pod {pod!r}", told, "run it as a step of a pipeline")
    if (owner.get("status") or {}).get("offloadNodeStatusVersion"):  # its nodes are in Argo's database
        owner = ArgoBackend(platform_actor("argo"), namespace, argo_server(row, access)).get(run)
    if not has_step(owner, pod):
        raise StepNotKnown(
            f"{ASKED} for pod {pod!r}", f"it is a running step of workflow {run!r}", "a step asks again by itself"
        )
    return owner


def has_step(workflow: Json, pod: str) -> bool:
    """Whether a node of the workflow that has not ended runs in a pod of that name, as Argo names it: nobody else can make one while it lives."""
    name, by_id = workflow["metadata"]["name"], (workflow["metadata"].get("annotations") or {}).get(POD_NAMES) == "v1"
    nodes = whole_status(workflow.get("status") or {}).get("nodes") or {}
    live = [one for one in nodes.values() if one["type"] == "Pod" and one.get("phase") not in FULFILLED]
    return any(pod == (one["id"] if by_id else pod_name(name, template_of(one), one["name"])) for one in live)


def claimed_run(pod: Json) -> str:
    """Name of the workflow that a pod's metadata name as its controller; empty where they name none."""
    return next((str(one["name"]) for one in pod.get("ownerReferences") or [] if _is_workflow(one)), "")


def owns(workflow: Json, pod: Json) -> bool:
    """Whether the workflow with this metadata is a pod's controller: by uid, since who makes a pod writes any name into it."""
    return any(
        _is_workflow(one) and one.get("name") == workflow["name"] and one.get("uid") == workflow["uid"]
        for one in pod.get("ownerReferences") or []
    )


def _is_workflow(reference: Json) -> bool:
    group = str(reference.get("apiVersion") or "").partition("/")[0]
    return bool(reference.get("kind") == "Workflow" and group == "argoproj.io" and reference.get("controller"))
