"""What resource templates may ask for, and what they are told where there is no cluster; what they do on one stands in tests/workflows/clusters."""

import json
import subprocess
import sys

import pytest
from servers import EngineServer

from workflows.engine.resources import ResourceRefused, check_flags, check_objects
from workflows.engine.resources.conditions import ConditionMet, Conditions, text_at
from workflows.engine.resources.rules import check_kinds, clusterwide

TABLE = """\
namespaces                                                     ns          v1                                     false        Namespace
nodes                                                          no          v1                                     false        Node
clusterroles                                                               rbac.authorization.k8s.io/v1           false        ClusterRole
"""
OUTSIDE = clusterwide(TABLE)


def resource(**more: object) -> dict:
    main = {"name": "main", "resource": {"action": "get", "flags": ["configmap", "x"], **more}}
    return {"metadata": {"generateName": "r-"}, "spec": {"entrypoint": "main", "templates": [main]}}


def told(server: EngineServer, document: dict) -> str:
    answer = server.http.post("/api/v1/workflows/flights", json={"workflow": document})
    return f"{answer.status_code} {answer.json().get('message')}"


def test_without_a_cluster_a_resource_is_refused_at_submit_with_the_reason_and_the_next_step(engine_server):
    said = told(engine_server, resource())
    assert said.startswith(
        "400 templates.main.resource: resource templates of project 'flights': they need a Kubernetes cluster"
    )
    assert "atrium cluster allow NAME flights" in said


def test_an_owner_reference_and_a_flag_that_leads_elsewhere_are_refused_at_submit(engine_server):
    assert "setOwnerReference: the workflow itself is no object of the cluster" in told(
        engine_server, resource(setOwnerReference=True)
    )
    for flag in (
        "--kubeconfig=/etc/passwd",
        "-f",
        "--server",
        "--as=root",
        "--token",
        "--raw",
        "-k",
        "--context",
        "-o",
    ):
        assert f"flag {flag.partition('=')[0]!r} is not passed on" in told(engine_server, resource(flags=[flag, "x"]))


CONNECT = """
from atrium.clock import now
from atrium.database import writing
from workflows.clusters.models import ClusterRow
for name in ("lab", "other"):
    with writing() as session:
        session.add(ClusterRow(name=name, server="https://127.0.0.1:1", authority="", argo_url="https://127.0.0.1:1", argo_checked=True,
                               sealed=b"", projects={"other": name, "third": "x"}, added_by="t", added_at=now()))
"""


def test_a_project_uses_only_clusters_on_which_it_has_a_namespace_and_names_one_of_several(mortal_server):
    subprocess.run([sys.executable, "-c", CONNECT], env=mortal_server.environment, check=True)
    assert "the project has none" in told(mortal_server, resource())
    named = resource()
    named["metadata"]["annotations"] = {"atrium.io/cluster": "lab"}
    assert "they need a Kubernetes cluster, and the project has none" in told(mortal_server, named)
    answer = mortal_server.http.post("/api/v1/workflows/other", json={"workflow": resource()})
    assert (
        "the project may use lab, other. Next: name one in the annotation atrium.io/cluster" in answer.json()["message"]
    )


@pytest.mark.parametrize(
    ("flags", "kinds"),
    [
        (["configmap", "--selector", "a=b"], ["configmap"]),
        (["pod/x", "job/y"], ["pod", "job"]),
        (["pods,nodes", "a"], ["pods", "nodes"]),
        (["-n", "mine", "workflow", "name"], ["workflow"]),
        (["--namespace=mine", "--validate=false"], []),
    ],
)
def test_flags_name_their_kinds(flags, kinds):
    assert check_flags(flags, "mine") == kinds


@pytest.mark.parametrize(
    "flags", [["-n", "theirs"], ["-n"], ["--namespace=theirs"], ["/etc/passwd"], ["a", "http://x/y"], ["-A"], ["--all-namespaces"], ["-oname"]]
)  # fmt: skip
def test_flags_that_lead_out_of_the_namespace_are_refused(flags):
    with pytest.raises(ResourceRefused):
        check_flags(flags, "mine")


@pytest.mark.parametrize("kind", ["namespace", "ns", "Nodes", "clusterroles.rbac.authorization.k8s.io"])
def test_kinds_of_the_whole_cluster_are_refused_by_every_name(kind):
    with pytest.raises(ResourceRefused, match="objects of the whole cluster"):
        check_kinds([kind], OUTSIDE)


def test_objects_of_another_namespace_or_of_none_are_refused_inside_lists_too():
    ours = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "mine"}}
    check_objects([ours, {"apiVersion": "v1", "kind": "List", "items": [ours]}], "mine", OUTSIDE)
    with pytest.raises(ResourceRefused, match="an object of Kubernetes is expected"):
        check_objects(["kind: Node"], "mine", OUTSIDE)
    for bad in (
        {**ours, "metadata": {"namespace": "theirs"}},
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}},
    ):
        for document in (
            bad,
            {"kind": "List", "items": [bad]},
            {"kind": "List", "items": [{"kind": "NodeList", "items": [bad]}]},
        ):
            with pytest.raises(ResourceRefused):
                check_objects([document], "mine", OUTSIDE)


FOUND = json.loads(
    '{"status": {"succeeded": 3, "ready": true, "list": [{"type": "a"}], "none": null}, "metadata": {"labels": {"a.b": "c"}}}'
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("status.succeeded", "3"), ("status.ready", "true"), ("status.list.0.type", "a"), ("status.list.#", "1"), ("status.none", ""),
        ("status.gone", None), ("status.list.7", None), (r"metadata.labels.a\.b", "c"), ("status.list", '[{"type":"a"}]'),
    ],
)  # fmt: skip
def test_paths_of_conditions_are_those_of_gjson(path, text):
    assert text_at(FOUND, path) == text


def test_conditions_hold_all_together_and_a_failure_goes_first():
    assert Conditions.of("status.succeeded > 2, status.ready == true", "").hold(FOUND)
    assert not Conditions.of("status.succeeded > 3", "status.gone == x").hold(FOUND)
    with pytest.raises(ConditionMet, match=r"failure condition '\{status.succeeded gt \[2\]\}' evaluated true"):
        Conditions.of("status.ready == true", "status.succeeded > 2").hold(FOUND)
