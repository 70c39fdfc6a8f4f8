"""What a cluster has already, by its API server's own types: seen with them, not without, and too old a one is said to be."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cluster_platform
import dry_run
import httpx
import pytest
import yaml
from cluster_platform import NAMESPACE, Hidden, There, cluster_up, kubectl, until
from dry_run import CRDS, delete_types, until_established

from app.deploying.detecting import KNOWN, MONITORS, Project, detect, findings

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.cluster,
    pytest.mark.skipif(not cluster_platform.HERE, reason=cluster_platform.REASON),
    pytest.mark.skipif(not dry_run.CRDS.is_dir(), reason="the custom resources of ../shared/crds are not here"),
]
FILES = {
    "Gateway API": "gateway-api.yaml", "Prometheus operator": "prometheus-operator.yaml", "Kueue": "kueue.yaml", "Volcano": "volcano.yaml",
    "KubeRay": "kuberay.yaml", "Kubeflow Trainer": "kubeflow-trainer-v2.yaml", "Katib": "katib.yaml", "KServe": "kserve.yaml",
}  # fmt: skip


def names() -> set[str]:
    return {one.project.name for one in detect() if one.fits}


def test_every_project_that_is_known_is_tried() -> None:
    assert {one.name for one in KNOWN} == {"Argo Workflows", *FILES}
    assert "Argo Workflows" in names()


def type_of(project: Project) -> dict[str, Any]:
    """The custom resource by which a project is known, as the project's own release has it."""
    every = yaml.load_all((CRDS / FILES[project.name]).read_text(), yaml.CSafeLoader)
    return next(one for one in every if one and one["metadata"]["name"] == project.resource)


@contextmanager
def types_of(*projects: Project) -> Iterator[None]:
    """Those custom resources on the cluster; gone afterwards."""
    for one in projects:
        kubectl("apply", "--server-side", "-f", "-", given=json.dumps(type_of(one)))
    try:
        for one in projects:
            until_established(one.resource)
        yield
    finally:
        delete_types([one.resource for one in projects])


def test_each_project_is_seen_while_its_type_is_there_and_not_without() -> None:
    before = names()
    tried = [one for one in KNOWN if one.name not in before]  # the cluster's own may be in use, and stay
    with types_of(*tried):
        until(lambda: names() == before | {one.name for one in tried})
    until(lambda: names() == before)


def test_a_version_that_is_too_old_is_said_with_the_one_that_is_needed() -> None:
    older = type_of(MONITORS)
    older["spec"]["versions"][0]["name"] = "v1alpha1"
    kubectl("apply", "--server-side", "-f", "-", given=json.dumps(older))
    try:
        until_established(MONITORS.resource)
        until(lambda: any(one.name == MONITORS.name for one in findings()))
        [told] = [one for one in findings() if one.name == MONITORS.name]
        assert (told.verdict, "v1alpha1; v1 is needed" in told.found) == ("warn", True)
        assert "ServiceMonitor" not in (said := cluster_up("--plan")) and told.found in said
    finally:
        delete_types([MONITORS.resource])


def test_a_prometheus_operator_gets_a_monitor_with_a_token_that_reads_the_figures(there: There) -> None:
    assert "ServiceMonitor" not in cluster_up("--plan")
    with types_of(MONITORS):
        until(lambda: MONITORS.name in names())
        said = cluster_up()
        assert f"{MONITORS.name} is there" in said and f"create  ServiceMonitor {NAMESPACE}/atrium" in said
        [monitor] = json.loads(kubectl("get", "servicemonitors.monitoring.coreos.com", "-n", NAMESPACE, "-o", "json"))[
            "items"
        ]
        selector = ",".join(f"{key}={value}" for key, value in monitor["spec"]["selector"]["matchLabels"].items())
        service = json.loads(kubectl("get", "services", "-n", NAMESPACE, "-l", selector, "-o", "json"))["items"]
        assert [one["metadata"]["name"] for one in service] == ["atrium"]
        assert monitor["spec"]["endpoints"][0]["port"] in [one["name"] for one in service[0]["spec"]["ports"]]
        key = monitor["spec"]["endpoints"][0]["authorization"]["credentials"]
        secret = json.loads(kubectl("get", "secret", key["name"], "-n", NAMESPACE, "-o", "json"))
        token = Hidden(base64.b64decode(secret["data"][key["key"]]).decode())
        answer = httpx.get(f"{there.url}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=60)
        assert answer.status_code == httpx.codes.OK and "atrium_" in answer.text
    kubectl("delete", "secret", "atrium-metrics", "-n", NAMESPACE)
    assert "ServiceMonitor" not in cluster_up("--plan")
