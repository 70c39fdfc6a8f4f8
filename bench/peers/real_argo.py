"""The real Argo on the cluster that `KUBECONFIG` names: the same works as Workflow objects, watched through Kubernetes' API."""

import os
from collections.abc import Iterator
from functools import partial
from typing import Any

from bench.figures import Figure, seconds_of, wait_until
from bench.steps import LIMIT_SECONDS, WORKS, Work, manifest

WHERE: dict[str, str] = {"group": "argoproj.io", "version": "v1alpha1", "plural": "workflows"}
IMAGE = "busybox:1.36"
HOW = "real Argo on the cluster; a pod a step"
ENDED = ("Succeeded", "Failed", "Error")


def _namespace() -> str:
    return os.environ.get("ARGO_NAMESPACE", "argo")


def _to_its_end(api: Any, work: Work) -> None:
    """Runs a work; raises RuntimeError where it does not succeed, TimeoutError after three minutes. It is deleted at the end."""
    body: dict[str, Any] = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", **manifest(work, "true")}
    body["spec"]["templates"][1]["container"] |= {"image": IMAGE, "imagePullPolicy": "IfNotPresent"}
    where = WHERE | {"namespace": _namespace()}
    name = api.create_namespaced_custom_object(**where, body=body)["metadata"]["name"]
    phase = ""

    def done() -> bool:
        nonlocal phase
        phase = (api.get_namespaced_custom_object(**where, name=name).get("status") or {}).get("phase", "")
        return phase in ENDED

    try:
        wait_until(done, LIMIT_SECONDS)
    finally:
        api.delete_namespaced_custom_object(**where, name=name)
    if phase != "Succeeded":
        raise RuntimeError(f"workflow {name} ended {phase}")


def rows() -> Iterator[Figure]:
    """Its rows, or one line that says that there is no cluster."""
    if not os.environ.get("KUBECONFIG"):
        yield Figure("real Argo", None, "", note="no cluster: KUBECONFIG is not set")
        return
    from kubernetes import client, config

    config.load_kube_config()  # type: ignore[no-untyped-call]
    api = client.CustomObjectsApi()
    for work in WORKS:
        name = f"{work.name}: Argo"
        try:
            yield Figure(name, seconds_of(partial(_to_its_end, api, work)), "s", note=HOW)
        except TimeoutError:
            yield Figure(name, None, "s", note=f"did not finish in {LIMIT_SECONDS:.0f} s; {HOW}")
