"""What is checked on a cluster, each thing by asking the cluster itself."""

from collections.abc import Iterator

from atrium.errors import AtriumError
from workflows.clusters.kube import Kube
from workflows.clusters.models import Access, Finding

CHECK_SECONDS = 3.0
WORKFLOWS = "workflows.argoproj.io"
NEEDED = (
    ("argoproj.io", "workflows", "", ("get", "list", "watch", "create", "update", "patch", "delete")),
    ("", "pods", "", ("list", "watch", "delete")),
    ("", "pods", "log", ("get",)),
    ("", "events", "", ("list", "watch")),
)


def first_word(name: str, access: Access) -> str:
    """The cluster's version, once it knows the credential. Raises `ClusterUnavailable`, `ClusterRefused`."""
    with Kube(name, access, CHECK_SECONDS) as kube:
        version = str(kube.ask("GET", "/version")["gitVersion"])
        kube.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", _review("", "get", "", "pods", ""))
    return version


def check_access(name: str, access: Access, namespaces: list[tuple[str, Access]]) -> list[Finding]:
    """The API server, Argo's types, and each right in each namespace, which is asked for with the access beside it."""
    try:
        version = first_word(name, access)
    except AtriumError as error:
        return [Finding("API server", False, f"{error.asked}: {error.allowed}", error.next_step)]
    found = [Finding("API server", True, f"{access.server} answers, {version}")]
    with Kube(name, access, CHECK_SECONDS) as kube:
        try:
            found.append(_types(kube))
            found += [_rights(name, *one) for one in namespaces]
        except AtriumError as error:
            found.append(Finding("API server", False, f"{error.asked}: {error.allowed}", error.next_step))
    return found


def _types(kube: Kube) -> Finding:
    try:
        kinds = [one["name"] for one in kube.ask("GET", "/apis/argoproj.io/v1alpha1")["resources"]]
    except AtriumError:
        kinds = []
    if "workflows" in kinds:
        return Finding("Argo Workflows", True, "its types are there, v1alpha1")
    return Finding(
        "Argo Workflows",
        False,
        f"the cluster knows no {WORKFLOWS} of v1alpha1",
        "install Argo Workflows 3.5 or newer there",
    )


def _review(namespace: str, verb: str, group: str, resource: str, part: str) -> dict[str, object]:
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": part}
    return {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}
    }  # fmt: skip


def _missing(kube: Kube, namespace: str) -> Iterator[str]:
    for group, resource, part, verbs in NEEDED:
        for verb in verbs:
            path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
            review = kube.ask("POST", path, _review(namespace, verb, group, resource, part))
            if not review["status"].get("allowed"):
                whole = f"{resource}/{part}" if part else resource
                yield f"{verb} {whole}" + (f" ({group})" if group else "")


def _rights(name: str, namespace: str, access: Access) -> Finding:
    with Kube(name, access, CHECK_SECONDS) as kube:
        missing = list(_missing(kube, namespace))
    what = f"rights in namespace {namespace}"
    if not missing:
        return Finding(what, True, "all that are needed")
    return Finding(
        what,
        False,
        f"it may not {', '.join(missing)}",
        f"bind a role with these verbs to the account in namespace {namespace}",
    )
