"""Every manifest that the product makes is taken by the real API server, with the real custom resources; none is kept."""

import subprocess

import cluster_platform
import dry_run
import pytest
import yaml
from cluster_platform import kubectl
from dry_run import custom_resources, refused, schema_of
from support import ATRIUM, CHECKOUT

from app.deploying.data import _claim, part_of
from app.deploying.images.lock import Lock
from app.deploying.images.rewriting import rewritten
from app.deploying.parts import composed
from app.deploying.routes import http_routes, ingress
from app.deploying.up import everything
from workflows.clusters.home import project_objects
from workflows.clusters.steps import with_data, with_registry

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.cluster,
    pytest.mark.skipif(not cluster_platform.HERE, reason=cluster_platform.REASON),
    pytest.mark.skipif(not dry_run.CRDS.is_dir(), reason="the custom resources of ../shared/crds are not here"),
]
VOLUME = {"metadata": {"name": "all"}, "spec": {"nfs": {"server": "files", "path": "/data"}, "capacity": {"storage": "1Gi"},
          "accessModes": ["ReadWriteMany"]}}  # fmt: skip
KEYS = {"metadata": {"name": "s3-cred"}, "type": "Opaque", "data": {"key": "eA=="}}
HOSTS = ("atrium.site", "*.demos.site")


@pytest.mark.parametrize("overlay", ["minimal", "full", "ha", "airgap"])
def test_every_object_of_an_overlay_is_taken(overlay: str) -> None:
    objects = everything(overlay, "")
    led = rewritten(objects, "registry.site:5000", Lock({}), secret=True) if overlay == "airgap" else objects
    assert len(led) > 10
    assert {one["metadata"]["name"]: said for one in led if (said := refused(one))} == {}


@pytest.mark.parametrize(
    ("component", "claims"),
    [("class-ceph-rbd", {"atrium-home", "atrium-postgres", "atrium-seaweedfs", "atrium-redis"}), ("class-cephfs", {"atrium-data"}),
     ("class-nfs", {"atrium-data"}), ("class-s3", set())],
)  # fmt: skip
def test_a_storage_class_and_the_claims_of_it_are_taken(component: str, claims: set[str]) -> None:
    """Schema only: this cluster has none of these drivers; `atrium doctor --cluster --storage-class` tries a class where there is one."""
    objects = composed("full", [component])
    [made] = [one for one in objects if one["kind"] == "StorageClass"]
    assert refused(made) == ""
    led = [one for one in objects if one.get("spec", {}).get("storageClassName") == made["metadata"]["name"]]
    assert {one["metadata"]["name"] for one in led} == claims
    renamed = [{**one, "metadata": {**one["metadata"], "name": f"tried-{one['metadata']['name']}"}} for one in led]
    assert [said for one in renamed if (said := refused(one))] == []


def test_every_object_of_a_project_is_taken_and_its_part_of_the_data() -> None:
    objects = [*project_objects("somebody", [KEYS]), part_of(VOLUME, "somebody"), _claim(VOLUME, "somebody")]
    assert {one["metadata"]["name"]: said for one in objects if (said := refused(one))} == {}


def test_the_examples_workflows_with_what_the_platform_adds_fit_argos_own_schema() -> None:
    """A cluster's own types of Argo often take anything; the whole type of a WorkflowTemplate knows every field of the same spec."""
    with schema_of("argo-workflows.yaml", "WorkflowTemplate") as version:
        template = {"apiVersion": version, "kind": "WorkflowTemplate", "metadata": {"name": "tried"}}
        for path in sorted((CHECKOUT / "examples").rglob("pipeline.yaml")):
            led = with_registry(yaml.safe_load(path.read_text()), "registry.site:5000", "atrium-registry")
            made = with_data(led, "atrium-data", "/data")
            assert refused({**template, "spec": made["spec"]}) == "", path
        assert "notAField" in refused({**template, "spec": {**made["spec"], "notAField": 1}})


def test_the_ways_to_the_door_are_taken_and_a_wrong_one_is_not() -> None:
    assert refused(ingress("nginx", *HOSTS, "site-tls")) == ""
    with custom_resources("gateway-api.yaml"):
        routes = http_routes("gateways/site", *HOSTS)
        assert [refused(one) for one in routes] == ["", ""]
        wrong = {**routes[0], "spec": {**routes[0]["spec"], "hostnames": ["*.*.no"]}}
        assert "hostnames" in refused(wrong)


def route(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [ATRIUM, "cluster-route", "--host", HOSTS[0], "--content-host", HOSTS[1], *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_a_gateway_api_is_used_where_it_is_and_named_where_it_is_not() -> None:
    there = kubectl("get", "customresourcedefinitions", "-o", "name")
    if "httproutes.gateway" not in there:
        assert "httproutes.gateway.networking.k8s.io" in route("--gateway", "default/site", "--plan").stderr
    with custom_resources("gateway-api.yaml"):
        assert "there are:" in route("--gateway", "default/none", "--plan").stderr
        gateway = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "site", "namespace": "default"},
                   "spec": {"gatewayClassName": "any", "listeners": [{"name": "web", "port": 80, "protocol": "HTTP"}]}}  # fmt: skip
        kubectl("apply", "--server-side", "-f", "-", given=yaml.safe_dump(gateway))
        planned = route("--gateway", "default/site", "--plan")
        kubectl("delete", "gateway.gateway.networking.k8s.io", "site", "-n", "default")
        assert planned.stdout.count("create  HTTPRoute") == 2, planned.stderr
