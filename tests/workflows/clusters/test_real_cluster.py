"""Pipelines sent to a real Argo on a real Kubernetes: seen in the same lists and views, and why their pods wait, in words."""

import base64
import json
import os
from typing import Any

import pytest
import yaml
from contracts.pipelines import FINISHED, PipelinesContract
from lab import HERE, REASON, Lab, argo_url, kubectl
from small_platform import until

import monitoring
import workflows
from atrium.identity import platform_actor
from workflows.backends import Pipelines
from workflows.clusters.models import ClusterRefused
from workflows.clusters.runs import ClusterRuns

pytestmark = [pytest.mark.timeout(900), pytest.mark.cluster, pytest.mark.skipif(not HERE, reason=REASON)]
WHO = platform_actor("tests")
SECONDS = 240.0


@pytest.mark.usefixtures("lab")
class TestRuns(PipelinesContract):
    """A cluster's runs keep the contract that the embedded engine keeps."""

    seconds_to_finish = SECONDS
    stop_says = ("Failed", "Error")

    @pytest.fixture
    def engine(self) -> Pipelines:
        return ClusterRuns(WHO, "flights", "lab")


def manifest(command: list[str], **more: Any) -> str:
    container = {
        "image": "busybox:1.36",
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        **more.pop("container", {}),
    }
    template = {"name": "main", "container": container, **more.pop("template", {})}
    return yaml.safe_dump({"kind": "Workflow", "spec": {"entrypoint": "main", "templates": [template], **more}})


def started(name: str, text: str) -> str:
    workflows.save_pipeline(WHO, "flights", name, text, "lab")
    return workflows.run_pipeline(WHO, "flights", name, cluster="lab")


def ended(run: str) -> workflows.RunView:
    until(lambda: workflows.get_run(WHO, "flights", run).phase in FINISHED, f"the end of {run}", SECONDS)
    return workflows.get_run(WHO, "flights", run)


def test_what_the_cluster_has_is_told_with_its_argos_version(lab: Lab) -> None:
    def told() -> workflows.ClusterView:
        return next(one for one in workflows.list_clusters(WHO) if one.name == "lab")

    until(lambda: told().detected, "what the cluster has", SECONDS)
    used = [one.name for one in told().detected if one.use is workflows.Use.USED]
    assert used == ["Argo Workflows"] and told().argo_version.startswith("v")


def test_the_check_finds_all_good(lab: Lab) -> None:
    found = workflows.check_cluster(WHO, "lab")
    assert [(one.name, one.found) for one in found if not one.good] == []
    assert len(found) == 4


def test_a_run_stands_in_the_same_lists_and_its_logs_outlive_its_pods(lab: Lab) -> None:
    run = started("hello", manifest(["echo", "hello lab"]))
    assert run in [one.name for one in workflows.list_runs(WHO, "flights").items]
    view = ended(run)
    assert (view.phase, view.cluster, view.owner, view.pipeline) == ("Succeeded", "lab", "tests", "hello")
    assert [node.type for node in view.nodes] == ["Pod"]
    kubectl("delete", "pods", "-l", f"workflows.argoproj.io/workflow={run}", namespace=lab.namespace)
    assert ("hello lab") in [line for _pod, line in workflows.run_logs(WHO, "flights", run)]
    assert workflows.get_run(WHO, "flights", run).nodes[0].phase == "Succeeded"


def test_what_others_submit_is_seen_and_what_they_delete_is_gone(lab: Lab) -> None:
    made = yaml.safe_load(manifest(["true"])) | {
        "apiVersion": "argoproj.io/v1alpha1",
        "metadata": {"name": "by-kubectl"},
    }
    lab.apply(made)

    def names() -> dict[str, workflows.RunSummary]:
        return {one.name: one for one in workflows.list_runs(WHO, "flights").items}

    until(lambda: "by-kubectl" in names(), "its summary", 30)
    assert names()["by-kubectl"].cluster == "lab"
    ended("by-kubectl")
    kubectl("delete", "workflow", "by-kubectl", namespace=lab.namespace)
    until(lambda: "by-kubectl" not in names(), "its end in the list", 30)


def told(run: str, cause: workflows.Cause) -> workflows.PodReason:
    """The reason of that cause, once the cluster has told it."""

    def found() -> list[workflows.PodReason]:
        return [one for one in workflows.run_reasons(WHO, "flights", run).pods if one.cause is cause]

    until(lambda: bool(found()), f"{cause} of {run}", SECONDS)
    return found()[0]


def limits(**given: str) -> dict[str, Any]:
    return {"container": {"resources": {"limits": given, "requests": given}}}


TOLD: dict[workflows.Cause, tuple[str, str, dict[str, str]]] = {
    workflows.Cause.RESOURCE: (manifest(["true"], **limits(cpu="300")), "cpu", {"resource": "cpu", "of": "1"}),
    workflows.Cause.SELECTOR: (manifest(["true"], nodeSelector={"disk": "none"}), "labels", {"of": "1"}),
    workflows.Cause.IMAGE_NAME: (manifest(["true"], container={"image": "Not An Image"}), "no image reference", {"container": "main"}),
    workflows.Cause.IMAGE_REACH: (manifest(["true"], container={"image": "registry.invalid/nothing:1"}), "cannot be reached", {}),
    workflows.Cause.IMAGE_MISSING: (
        manifest(["true"], container={"image": "nobody/nothing:1", "imagePullPolicy": "Never"}), "not there", {}),
    workflows.Cause.CONFIG: (
        manifest(["true"], container={"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "nowhere", "key": "k"}}}]}), "missing", {}),
    workflows.Cause.MOUNT: (
        manifest(["true"], container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
                 volumes=[{"name": "v", "configMap": {"name": "nowhere"}}]), "mounted", {}),
    workflows.Cause.VOLUME: (
        manifest(["true"], container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
                 volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "nowhere"}}]), "volume", {}),
    workflows.Cause.MEMORY: (
        manifest(["sh", "-c", "x=a; while true; do x=$x$x; done"], **limits(memory="16Mi")), "OOMKilled",
        {"container": "main", "limit": "16Mi"}),
    workflows.Cause.COMMAND: (manifest(["/no/such/program"]), "could not be started", {}),
    workflows.Cause.DEADLINE: (manifest(["sleep", "120"], template={"activeDeadlineSeconds": 4}), "deadline", {}),
    workflows.Cause.EVICTED: (
        manifest(["sh", "-c", "dd if=/dev/zero of=/big bs=1M count=64; sleep 120"], **limits(**{"ephemeral-storage": "16Mi"})),
        "node ended", {"reason": "Evicted"}),
}  # fmt: skip


@pytest.mark.parametrize("cause", list(TOLD), ids=str)
def test_why_a_pod_waits_or_fell_is_told_in_words(lab: Lab, cause: workflows.Cause) -> None:
    text, word, values = TOLD[cause]
    run = started("why", text)
    found = told(run, cause)
    assert {key: found.values.get(key) for key in values} == values
    assert found.said
    why = monitoring.why(WHO, "flights", f"run/{run}")
    assert any(word in str(one.said) for one in [*why.evidence, monitoring.Evidence(why.because)]), why
    assert why.next_steps
    if workflows.get_run(WHO, "flights", run).phase not in FINISHED:
        workflows.act_on_run(WHO, "flights", run, "terminate")


def test_a_taint_is_named(lab: Lab) -> None:
    node = kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
    kubectl("taint", "node", node, "kept=others:NoSchedule", "--overwrite")
    try:
        run = started("why", manifest(["true"]))
        found = told(run, workflows.Cause.TAINT)
        assert found.values["of"] == "1"
        assert "taint" in found.said  # 1.34 names it no longer
    finally:
        kubectl("taint", "node", node, "kept-")
    assert ended(run).phase == "Succeeded"


def test_a_full_quota_is_told_with_its_numbers(lab: Lab) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"pods": "0"}},
    }
    lab.apply(quota)
    hard = ("get", "quota", "small", "-o", "jsonpath={.status.hard.pods}")
    until(lambda: kubectl(*hard, namespace=lab.namespace) == "0", "the quota's own count", 60)
    try:
        run = started("why", manifest(["true"]))
        found = told(run, workflows.Cause.QUOTA)
        assert found.values["quota"] == "small"
        assert (found.values["requested"], found.values["limited"]) == ("pods=1", "pods=0")
    finally:
        kubectl("delete", "quota", "small", namespace=lab.namespace)
    workflows.act_on_run(WHO, "flights", run, "terminate")


def test_pod_security_is_told_with_what_it_asks(lab: Lab) -> None:
    label = "pod-security.kubernetes.io/enforce"
    kubectl("label", "namespace", lab.namespace, f"{label}=restricted")
    try:
        found = told(started("why", manifest(["true"])), workflows.Cause.SECURITY)
        assert "allowPrivilegeEscalation" in found.values["problem"]
    finally:
        kubectl("label", "namespace", lab.namespace, f"{label}-")


def test_a_rule_of_the_cluster_is_told_with_its_words(lab: Lab) -> None:
    rule = f"rule-{lab.namespace}"
    match = {
        "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
    }
    only = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": lab.namespace}}}
    said = [{"expression": "false", "message": "no pods on Wednesdays"}]
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": rule}}
    lab.apply(
        {**kind, "kind": "ValidatingAdmissionPolicy", "spec": {"matchConstraints": match, "validations": said}},
        {**kind, "kind": "ValidatingAdmissionPolicyBinding",
         "spec": {"policyName": rule, "validationActions": ["Deny"], "matchResources": only}},
    )  # fmt: skip
    try:

        def refused() -> bool:
            run = started("why", manifest(["true"]))
            until(lambda: bool(workflows.get_run(WHO, "flights", run).nodes), "a node", SECONDS)
            return any(one.cause is workflows.Cause.WEBHOOK for one in workflows.run_reasons(WHO, "flights", run).pods)

        until(refused, "a refusal", SECONDS)  # a new rule takes a moment to hold
    finally:
        kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", rule)


def test_a_right_that_lacks_is_named(lab: Lab) -> None:
    role = yaml.safe_load(kubectl("get", "role", "atrium", "-o", "yaml", namespace=lab.namespace))
    without = [{**one, "verbs": [verb for verb in one["verbs"] if verb != "delete"]} for one in role["rules"]]
    kubectl("patch", "role", "atrium", "--type=merge", "-p", json.dumps({"rules": without}), namespace=lab.namespace)
    try:
        [bad] = [one for one in workflows.check_cluster(WHO, "lab") if not one.good]
        assert "delete workflows (argoproj.io), delete pods" in bad.found
        assert lab.namespace in bad.mend
    finally:
        kubectl(
            "patch",
            "role",
            "atrium",
            "--type=merge",
            "-p",
            json.dumps({"rules": role["rules"]}),
            namespace=lab.namespace,
        )


def test_a_wrong_and_an_expired_token_are_told_apart_from_a_dead_cluster(lab: Lab) -> None:
    for token in ("wrong", base64.b64encode(os.urandom(60)).decode()):
        with pytest.raises(ClusterRefused, match="does not know the credential"):
            workflows.add_cluster(WHO, "other", lab.kubeconfig(token), argo_url(), {}, argo_checked=False)
