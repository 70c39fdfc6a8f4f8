"""What goes wrong while Atrium is put on a cluster: each is told with what is refused, and a repeat brings all there."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from cluster_platform import HERE, NAMESPACE, OVERLAY, REASON, There, cluster_up, in_pod, kubectl, until
from support import ATRIUM

from app.deploying.found import ArgoUnfit, find_argo
from bench.tunnel import Tunnel

pytestmark = [pytest.mark.timeout(900), pytest.mark.cluster, pytest.mark.skipif(not HERE, reason=REASON)]
ACCOUNT = "only-looks"
DENIED_KEYS = "[default]\\naws_access_key_id = nobody\\naws_secret_access_key = wrong\\n"


def up(kubeconfig: Path, *words: str) -> tuple[int, str]:
    """How cluster-up ends with another kubeconfig, and everything that it says."""
    made = subprocess.run(
        [ATRIUM, "cluster-up", OVERLAY, *words],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
    )
    return made.returncode, made.stdout


def changed(tmp_path: Path, **user: str) -> Path:
    """A kubeconfig like ours with another credential."""
    whole = yaml.safe_load(kubectl("config", "view", "--minify", "--flatten", "--raw"))
    whole["users"][0]["user"] = user
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(whole))
    return tmp_path / "kubeconfig"


@pytest.fixture
def drift(there: There) -> Iterator[str]:
    """A field of ours that is not as the overlay has it."""
    set_name("drifted")
    yield "{.metadata.labels.app\\.kubernetes\\.io/name}"
    set_name("atrium")


def set_name(name: str) -> None:
    """Gives the Service this label, once nothing on the cluster forbids it any more."""
    words = ("label", "service", "atrium", "-n", NAMESPACE, "--overwrite", "--field-manager=atrium")
    command = ["kubectl", *words, f"app.kubernetes.io/name={name}"]
    until(lambda: subprocess.run(command, capture_output=True, timeout=180).returncode == 0)


def label(path: str) -> str:
    return kubectl("get", "service", "atrium", "-n", NAMESPACE, "-o", f"jsonpath={path}")


def test_who_lacks_a_right_is_told_the_verb_and_nothing_is_changed(there: There, drift: str, tmp_path: Path) -> None:
    kubectl("create", "serviceaccount", ACCOUNT, "-n", "default")
    try:
        rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": ACCOUNT},
            "rules": rules,
        }
        kubectl("create", "-f", "-", given=json.dumps(role))
        kubectl(
            "create", "clusterrolebinding", ACCOUNT, f"--clusterrole={ACCOUNT}", f"--serviceaccount=default:{ACCOUNT}"
        )
        code, said = up(changed(tmp_path, token=kubectl("create", "token", ACCOUNT, "-n", "default").strip()))
    finally:
        kubectl("delete", "serviceaccount", ACCOUNT, "-n", "default", "--ignore-not-found")
        kubectl("delete", "clusterrole,clusterrolebinding", ACCOUNT, "--ignore-not-found")
    assert code != 0 and "cannot patch resource" in said and "nothing was changed" in said
    assert label(drift) == "drifted"


@pytest.mark.parametrize("token", ["wrong", "expired"])
def test_a_credential_that_the_cluster_does_not_know_is_told(there: There, token: str, tmp_path: Path) -> None:
    text = token if token == "wrong" else _expired()
    code, said = up(changed(tmp_path, token=text), "--plan")
    assert code != 0 and "must be logged in" in said.lower() and text not in said


def _expired() -> str:
    """A token whose account is gone, which the API server takes for one that has ended."""
    kubectl("create", "serviceaccount", ACCOUNT, "-n", "default")
    made = kubectl("create", "token", ACCOUNT, "-n", "default").strip()
    kubectl("delete", "serviceaccount", ACCOUNT, "-n", "default")
    return made


def test_a_kubeconfig_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text("clusters: [unfinished")
    code, said = up(tmp_path / "kubeconfig", "--plan")
    assert code != 0 and "yaml" in said and "Traceback" not in said


def test_an_api_server_that_goes_away_in_the_middle_is_told_and_a_repeat_ends_it(
    there: There, drift: str, tmp_path: Path
) -> None:
    server = urlsplit(kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"))
    if server.hostname not in ("127.0.0.1", "localhost"):
        pytest.skip("the API server's certificate must be good for 127.0.0.1, where the tunnel begins")
    tunnel = Tunnel("127.0.0.1", server.port or 443)
    whole = yaml.safe_load(kubectl("config", "view", "--minify", "--flatten", "--raw"))
    whole["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{tunnel.port}"
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(whole))
    environment = {**os.environ, "KUBECONFIG": str(tmp_path / "kubeconfig")}
    command = [ATRIUM, "cluster-up", OVERLAY]
    with subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as made:
        assert made.stdout
        next(line for line in made.stdout if line.startswith("  keep"))
        tunnel.close()
        said = made.stdout.read()
    assert made.returncode != 0 and "refused" in said and "run the same again" in said and "Traceback" not in said
    cluster_up()
    assert label(drift) == "atrium"


def test_two_who_put_it_there_at_once_both_end_well(there: There, drift: str) -> None:
    said: list[str] = []
    both = [threading.Thread(target=lambda: said.append(cluster_up())) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(said) == 2 and label(drift) == "atrium"


def test_an_argo_without_its_types_is_told_with_the_one_that_lacks() -> None:
    with pytest.raises(ArgoUnfit, match=r"lacks the custom resource workflows\.nowhere\.io"):
        find_argo("workflows.nowhere.io")


def test_a_bucket_that_denies_is_told(there: There) -> None:
    asked = f"umask 077; printf '{DENIED_KEYS}' >/tmp/keys; ATRIUM_OBJECT_STORE_URL_FILE=/tmp/keys atrium doctor || true; rm /tmp/keys"
    said = in_pod("sh", "-c", asked)
    assert "is denied" in said and "mend the bucket's policy" in said


def test_a_rule_of_the_cluster_that_refuses_is_told_with_its_words_and_our_objects_name(
    there: There, drift: str
) -> None:
    rule = "atrium-tests-refuse"
    match = {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["services"]}],
             "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}}  # fmt: skip
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": match,
        "validations": [{"expression": "false", "message": "the site forbids it"}],
    }
    kind = "admissionregistration.k8s.io/v1"
    policy = {"apiVersion": kind, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": rule}, "spec": spec}
    binding = {"apiVersion": kind, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": rule},
               "spec": {"policyName": rule, "validationActions": ["Deny"]}}  # fmt: skip
    for one in (policy, binding):
        kubectl("apply", "-f", "-", given=json.dumps(one))
    try:
        said = ""
        for _ in range(30):  # a new rule takes a moment to hold
            code, said = up(Path(os.environ["KUBECONFIG"]), "--plan")
            if code:
                break
    finally:
        kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", rule)
    assert (
        "the site forbids it" in said
        and f"Service {NAMESPACE}/atrium would be refused" in said
        and "nothing was changed" in said
    )
