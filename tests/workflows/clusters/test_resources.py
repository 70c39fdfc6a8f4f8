"""Resource templates on a real Kubernetes: node for node what real Argo 3.7.3 did, and nothing outside the project's namespace."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import HERE, REASON, Lab, argo_url, kubectl, new_lab
from recordings import differences, facts, plain
from servers import EngineServer, wait_until

pytestmark = [pytest.mark.timeout(900), pytest.mark.cluster, pytest.mark.skipif(not HERE, reason=REASON)]
REAL = Path(__file__).parents[1] / "engine" / "real"
RECORDED = json.loads((REAL / "resources.json").read_text())
CONNECT = """
import sys, workflows
from atrium.identity import platform_actor
workflows.add_cluster(platform_actor("tests"), "lab", sys.stdin.read(), sys.argv[1], {"flights": sys.argv[2]}, argo_checked=False)
"""
RIGHTS = [
    {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "resources"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}],
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "resources"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "resources"},
        "subjects": [{"kind": "ServiceAccount", "name": "atrium"}],
    },
]  # fmt: skip


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A namespace of its own, whose account may change config maps."""
    made = new_lab()
    made.apply(*RIGHTS)
    yield made
    made.delete()


@pytest.fixture(scope="module")
def server(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineServer]:
    """A workflow server whose project flights has that namespace."""
    server = EngineServer(tmp_path_factory.mktemp("engine"))
    words = [sys.executable, "-c", CONNECT, argo_url(), lab.namespace]
    subprocess.run(words, env=server.environment, input=lab.kubeconfig(), text=True, check=True)
    yield server
    server.stop()


def resource(**more: object) -> dict:
    main = {"name": "main", "resource": more}
    return {"metadata": {"generateName": "r-"}, "spec": {"entrypoint": "main", "templates": [main]}}


def manifest(kind: str = "ConfigMap", version: str = "v1", **metadata: str) -> str:
    return json.dumps({"apiVersion": version, "kind": kind, "metadata": metadata})


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_resource_templates_do_what_they_do_on_argo(server: EngineServer, name: str) -> None:
    answer = server.argo("submit", str(REAL / name), "-o", "name")
    assert answer.returncode == 0, answer.stderr
    ours = facts(server.ended(answer.stdout.strip(), seconds=300))
    assert differences(ours, plain(RECORDED[name][0], "\0")) == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"manifest": manifest(name="x", namespace="default")}, "ConfigMap in namespace 'default'"),
        ({"manifest": manifest("Namespace", name="x")}, "Namespace is an object of the whole cluster"),
        ({"manifest": manifest("ClusterRole", "rbac.authorization.k8s.io/v1", name="x")}, "object of the whole cluster"),
        ({"manifest": json.dumps({"kind": "List", "items": [json.loads(manifest("Node", name="n"))]})}, "Node is an object"),
        ({"manifest": manifest(name="x"), "flags": ["-n", "{{workflow.parameters.elsewhere}}"]}, "flag -n 'argo'"),
        ({"action": "delete", "flags": ["ns", "{{workflow.parameters.elsewhere}}"]}, "ns are objects of the whole cluster"),
        ({"manifest": f"--- |\n  {manifest('Namespace', name='x')}"}, "an object of Kubernetes is expected"),
        ({"action": "get", "flags": ["secret", "s3-cred"]}, ""),
    ],
)  # fmt: skip
def test_nothing_but_the_projects_own_namespace_is_reached(server: EngineServer, asked: dict, told: str) -> None:
    document = resource(**{"action": "create", **asked})
    document["spec"]["arguments"] = {"parameters": [{"name": "elsewhere", "value": "argo"}]}
    done = server.run(document, 120)
    if told:
        assert done["status"]["phase"] == "Failed"
        assert told in done["status"]["message"]
    else:
        assert done["status"]["phase"] == "Succeeded", done["status"]


def test_an_object_is_made_once_although_the_server_is_killed_while_it_is_waited_for(
    server: EngineServer, lab: Lab
) -> None:
    made = json.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "once-", "labels": {"of": "once"}}}
    )
    name = server.submit(resource(action="create", manifest=made, successCondition="data.ready == yes"))["metadata"][
        "name"
    ]

    def objects() -> list[str]:
        return kubectl("get", "configmap", "-l", "of=once", "-o", "name", namespace=lab.namespace).split()

    (one,) = wait_until(objects, "the object is there", 120)
    server.kill()
    server.start()
    kubectl("patch", one, "--type", "merge", "-p", '{"data": {"ready": "yes"}}', namespace=lab.namespace)
    assert server.ended(name, seconds=120)["status"]["phase"] == "Succeeded"
    assert objects() == [one]


def test_a_resource_that_waits_is_stopped_and_one_over_its_time_ends(server: EngineServer) -> None:
    made = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "waits-"}})
    late = resource(action="create", manifest=made, successCondition="data.never == yes")
    name = server.submit(late)["metadata"]["name"]

    def phases() -> list[str]:
        return [one["phase"] for one in (server.get(name)["status"].get("nodes") or {}).values()]

    wait_until(lambda: phases() == ["Running"], "it runs")
    assert server.argo("terminate", name).returncode == 0
    assert server.ended(name)["status"]["phase"] == "Failed"
    late["spec"]["templates"][0]["activeDeadlineSeconds"] = 4
    assert server.run(late, 120)["status"]["message"].startswith("Pod was active on the node longer")
