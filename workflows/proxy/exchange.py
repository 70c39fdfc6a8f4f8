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
from atrium.errors import Forbidden, NotSignedIn
from workflows.clusters.home import HOME, pod_access, project_access
from workflows.clusters.kube import Json, Kube
from workflows.clusters.models import ClusterRow

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
POD_NAME, POD_UID = "authentication.kubernetes.io/pod-name", "authentication.kubernetes.io/pod-uid"
ACCOUNT = "system:serviceaccount:"
ASKED, STEP = "the token of a run", "atrium/runtime asks for it by itself; see docs/cluster-install.md"


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
        Forbidden: the pod is none of a workflow's; RunTokenNotFound: nobody whom the platform knows started the run, or it has ended;
        ClusterUnavailable, ClusterRefused.
    """
    claimed = claimed_namespace(shown)
    with reading() as session:
        row = session.get(ClusterRow, HOME)
    project = next((name for name, own in (row.projects if row else {}).items() if own == claimed), None)
    if not claimed or project is None:
        raise NotSignedIn(ASKED, "a pod in a project's namespace shows the token of its own account", STEP)
    namespace, pod, uid = _reviewed(shown)
    if namespace != claimed:
        raise NotSignedIn(ASKED, "the API server knows the account that is shown", STEP)
    run = _run_of(namespace, pod, uid)
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


def _run_of(namespace: str, pod: str, uid: str) -> str:
    with Kube(HOME, project_access(namespace)) as kube:
        found = kube.ask("GET", f"/api/v1/namespaces/{namespace}/pods", fieldSelector=f"metadata.name={pod}")
        same = [
            one["metadata"] for one in found.get("items") or [] if one["metadata"].get("uid") == uid
        ]  # none: just deleted
        run = next(filter(None, map(claimed_run, same)), "")
        workflows = kube.ask("GET", WORKFLOWS.format(namespace), fieldSelector=f"metadata.name={run}") if run else {}
    if not any(owns(one["metadata"], own) for one in workflows.get("items") or [] for own in same):
        told = "it is a pod of a workflow that is there: its owner reference names that workflow's uid"
        raise Forbidden(f"{ASKED} for pod {pod!r}", told, "run it as a step of a pipeline")
    return run


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
