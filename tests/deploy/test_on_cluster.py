"""Atrium on a real cluster: put there, signed in to, and its pipelines on the cluster's own Argo."""

import json
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from cluster_platform import (
    HERE,
    NAMESPACE,
    OTHER,
    PATIENCE_SECONDS,
    PROJECT,
    REASON,
    Hidden,
    There,
    argo,
    cluster_up,
    ended,
    forwarded,
    in_pod,
    kubectl,
    until,
    until_ready,
    wait_for_door,
)

pytestmark = [
    pytest.mark.timeout(1200),
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.skipif(not HERE, reason=REASON),
]
SAY = {
    "name": "say",
    "container": {"image": "busybox:1.36", "imagePullPolicy": "IfNotPresent", "command": ["echo", "hello cluster"]},
}
SPEC = {"entrypoint": "say", "templates": [SAY]}
WORKFLOW = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "hello-"},
    "spec": SPEC,
}
ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"


def test_the_portal_answers_who_signed_in_and_nobody_else(there: There) -> None:
    nobody = httpx.get(f"{there.url}/app/", headers={"Accept": "text/html"}, timeout=60)
    assert nobody.status_code in (httpx.codes.FOUND, httpx.codes.SEE_OTHER)
    page = there.admin.get("/app/")
    assert (page.status_code, "text/html" in page.headers["content-type"]) == (httpx.codes.OK, True)


def test_every_component_comes_up_in_the_pod(there: There) -> None:
    due = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = json.loads(in_pod("sh", "-c", "atrium status --json || true"))  # it exits 1 while one still starts
        late = [(one["name"], one["state"], one["checked"]) for one in found if one["state"] != "up"]
        if not late:
            break
        assert time.monotonic() < due, late
        time.sleep(1)
    assert next(one["what"] for one in found if one["name"] == "argo") == "what stands before Argo Workflows"


def test_the_account_of_each_project_has_every_right_that_is_needed(there: There) -> None:
    assert "BAD" not in in_pod("atrium", "cluster", "check", "home")


def test_the_platforms_own_account_may_not_read_a_projects_pods_or_secrets(there: There) -> None:
    account = f"--as=system:serviceaccount:{NAMESPACE}:atrium"
    for verb, what in (
        ("list", "pods"),
        ("get", "secrets"),
        ("create", "pods"),
        ("patch", "namespaces"),
        ("patch", "secrets"),
    ):
        answer = subprocess.run(
            ["kubectl", "auth", "can-i", verb, what, "-n", PROJECT, account], capture_output=True, text=True, timeout=60
        )
        assert answer.stdout.strip() == "no", (verb, what)


@pytest.mark.cluster_long
def test_a_key_that_changes_beside_the_platform_reaches_the_projects(there: There) -> None:
    def told(namespace: str) -> str:
        return kubectl("get", "secret", "s3-cred", "-n", namespace, "-o", "jsonpath={.data.told}")

    for word in ("Zmlyc3Q=", "c2Vjb25k"):
        kubectl(
            "patch", "secret", "s3-cred", "-n", NAMESPACE, "--type=merge", "-p", json.dumps({"data": {"told": word}})
        )
        until(lambda word=word: told(PROJECT) == word)


def test_the_argo_cli_submits_watches_and_reads(there: There, tmp_path: Path) -> None:
    (tmp_path / "hello.json").write_text(json.dumps(WORKFLOW))
    assert "Succeeded" in argo(there, "submit", "--watch", str(tmp_path / "hello.json"))
    assert "hello cluster" in argo(there, "logs", "@latest", "--no-color")
    assert "hello-" in argo(there, "list")


def test_hera_creates_and_waits_and_the_run_is_of_who_asked(there: There) -> None:
    from hera.workflows import Container, Workflow, WorkflowsService

    service = WorkflowsService(host=f"{there.url}/argo/", token=there.tokens[PROJECT], namespace=PROJECT)
    with Workflow(generate_name="hera-", entrypoint="say", namespace=PROJECT, workflows_service=service) as workflow:
        Container(name="say", image="busybox:1.36", image_pull_policy="IfNotPresent", command=["echo", "hello"])
    made = workflow.create(wait=True, poll_interval=1)
    assert made.status.phase == "Succeeded"
    assert ended(there, made.metadata.name)["owner"] == "admin"
    on_cluster = json.loads(kubectl("get", "workflow", made.metadata.name, "-n", PROJECT, "-o", "json"))
    assert on_cluster["metadata"]["labels"]["atrium.io/owner"] == "admin"


def test_a_pipeline_of_the_portal_runs_there_and_its_logs_outlive_its_pods(there: There) -> None:
    with there.client() as client:
        saved = client.put(f"/api/v1/projects/{PROJECT}/pipelines/hello", json={"manifest": json.dumps(WORKFLOW)})
        assert saved.is_success, saved.text
        started = client.post(f"/api/v1/projects/{PROJECT}/pipelines/hello/runs", json={})
        assert started.status_code == httpx.codes.CREATED, started.text
        run = started.json()["name"]
        assert (ended(there, run)["phase"], ended(there, run)["pipeline"]) == ("Succeeded", "hello")
        kubectl("delete", "pods", "-n", PROJECT, "-l", f"workflows.argoproj.io/workflow={run}")
        artifact = client.get(f"/argo/artifacts/{PROJECT}/{run}/{run}/main-logs")
    assert (artifact.status_code, artifact.text.strip()) == (httpx.codes.OK, "hello cluster")
    assert artifact.headers["content-security-policy"].startswith("sandbox")
    logs = in_pod("atrium", "logs", run, "--project", PROJECT)
    assert "hello cluster" in logs


RUNTIME = {"image": "atrium/runtime:1", "imagePullPolicy": "IfNotPresent"}
TRACKS = """
import mlflow, os
from atrium.sdk import PlatformRefused, Platform
os.environ["ATRIUM_DATA"] = "/tmp"
platform = Platform.of_step()
mlflow.set_experiment("from-a-step")
with mlflow.start_run(run_name=platform.project):
    mlflow.log_metric("answer", 42)
    mlflow.log_text("kept in the object store", "note.txt")
try:
    platform.request("GET", "/api/v1/projects/cluster-other/runs")
except PlatformRefused as error:
    print("refused:", error)
"""


def sql(text: str, database: str = "atrium") -> str:
    """What the platform's database answers, asked inside its own pod."""
    return kubectl(
        "exec", "-n", NAMESPACE, "deployment/atrium-postgres", "--", "psql", "-h", "/tmp", "-d", database, "-Atc", text
    ).strip()


AGAIN = """
set -e
rm -rf /tmp/again /tmp/all.tar.gz; mkdir /tmp/again; echo 'four random words here' >/tmp/words
atrium backup /tmp/all.tar.gz --passphrase-file /tmp/words
sed 's|/atrium$|/again|' /etc/atrium/database/url >/tmp/again.url; chmod 600 /tmp/again.url
ATRIUM_HOME=/tmp/again ATRIUM_DATABASE_URL_FILE=/tmp/again.url atrium restore /tmp/all.tar.gz --passphrase-file /tmp/words
for one in /tmp/again/keys/*; do cmp "$one" "/var/lib/atrium/keys/${one##*/}"; done; rm -rf /tmp/again /tmp/all.tar.gz /tmp/words /tmp/again.url
"""


def test_a_backup_fills_an_empty_home_and_an_empty_database(there: There) -> None:
    sql("DROP DATABASE IF EXISTS again")
    sql("CREATE DATABASE again OWNER atrium")
    said = in_pod("sh", "-c", AGAIN)
    assert "are back" in said and "Artifacts stayed in s3://" in said
    for query in ("SELECT name FROM projects ORDER BY name", "SELECT count(*) FROM mlflow.experiments"):
        assert sql(query, "again") == sql(query) != ""
    sql("DROP DATABASE again")


def test_no_step_runs_as_the_platforms_account_of_its_project(there: There) -> None:
    body = {"workflow": {**WORKFLOW, "spec": {**SPEC, "serviceAccountName": "atrium"}}}
    with there.client() as client:
        made = client.post(f"/argo/api/v1/workflows/{PROJECT}", json=body).json()["metadata"]["name"]
        assert ended(there, made)["phase"] == "Error"
        told = client.get(f"/argo/api/v1/workflows/{PROJECT}/{made}").json()["status"]["message"]
    assert "'atrium' is the platform's: leave serviceAccountName out" in told


def test_a_step_has_its_runs_token_and_what_it_tracks_is_in_postgresql_and_s3(there: There) -> None:
    step = {"name": "say", "container": {**RUNTIME, "command": ["python", "-c", TRACKS]}}
    metadata = {"generateName": "tracks-", "labels": {"atrium.io/owner": "somebody-else"}}
    body = {"workflow": {**WORKFLOW, "metadata": metadata, "spec": {"entrypoint": "say", "templates": [step]}}}
    with there.client() as client:
        made = client.post(f"/argo/api/v1/workflows/{PROJECT}", json=body).json()["metadata"]["name"]
        assert ended(there, made)["phase"] == "Succeeded", in_pod("atrium", "logs", made, "--project", PROJECT)
        assert "refused:" in in_pod("atrium", "logs", made, "--project", PROJECT)
        search = {"experiment_ids": [_experiment(client)], "max_results": 1, "order_by": ["start_time DESC"]}
        [run] = client.post("/mlflow/api/2.0/mlflow/runs/search", json=search).json()["runs"]
    assert run["data"]["metrics"][0]["value"] == 42
    assert run["info"]["user_id"] == "admin"
    assert sql(f"select count(*) from mlflow.metrics where run_uuid = '{run['info']['run_id']}'") == "1"
    listed = "printf 'fs.tree /buckets/atrium\\n' | weed shell -master=127.0.0.1:9333 -filer=127.0.0.1:8888"
    assert "note.txt" in kubectl("exec", "-n", NAMESPACE, "deployment/atrium-seaweedfs", "--", "sh", "-c", listed)
    until(lambda: sql(f"select count(*) from tokens where run = '{made}' and revoked_at is null") == "0")
    assert int(sql(f"select count(*) from tokens where run = '{made}'")) == 1


def _experiment(client: httpx.Client) -> str:
    found = client.get("/mlflow/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": "from-a-step"})
    return str(found.json()["experiment"]["experiment_id"])


def test_who_is_no_pod_of_a_run_gets_no_token(there: There) -> None:
    own = Hidden(kubectl("create", "token", "default", "-n", PROJECT).strip())
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "nobody", "namespace": PROJECT},
           "spec": {"restartPolicy": "Never", "containers": [{"name": "main", **RUNTIME, "command": ["cat", ACCOUNT_TOKEN]}]}}  # fmt: skip
    kubectl("delete", "pod", "nobody", "-n", PROJECT, "--ignore-not-found")
    kubectl("create", "-f", "-", given=json.dumps(pod))
    until(lambda: '"Succeeded"' in kubectl("get", "pod", "nobody", "-n", PROJECT, "-o", "jsonpath={.status}"))
    bound = Hidden(kubectl("logs", "nobody", "-n", PROJECT).strip())
    assert shown_at(there, bound) == httpx.codes.FORBIDDEN
    kubectl("delete", "pod", "nobody", "-n", PROJECT)
    assert shown_at(there, bound) in (
        httpx.codes.FORBIDDEN,
        httpx.codes.UNAUTHORIZED,
    )  # the API server knows it for seconds
    for shown in (own, Hidden("x.y.z"), Hidden(""), there.tokens[PROJECT]):
        assert shown_at(there, shown) == httpx.codes.UNAUTHORIZED


def test_a_pod_that_somebody_else_makes_gets_no_token_of_a_run_that_it_names_or_says_it_is_of(there: There) -> None:
    waits = {"name": "say", "container": {**SAY["container"], "command": ["sleep", "600"]}}
    body = {"workflow": {**WORKFLOW, "spec": {"entrypoint": "say", "templates": [waits]}}}
    with there.client() as client:
        run = client.post(f"/argo/api/v1/workflows/{PROJECT}", json=body).json()["metadata"]["name"]
        made = json.loads(kubectl("get", "workflow", run, "-n", PROJECT, "-o", "json"))["metadata"]["uid"]
        # A pod that names an owner of another uid does not live: Kubernetes' own garbage collector takes it.
        for name, controls, status in (("named", False, 403), (f"{run}-say-1", True, 503)):
            assert claimed_with(there, name, run, made, controls) == status, name
        client.delete(f"/argo/api/v1/workflows/{PROJECT}/{run}")


def claimed_with(there: There, name: str, run: str, uid: str, controls: bool) -> int:
    """The status for a pod that names `run` with `uid` as its owner, and its controller or not."""
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": run, "uid": uid, "controller": controls}
    container = {"name": "main", **SAY["container"], "command": ["sh", "-c", f"cat {ACCOUNT_TOKEN}; echo; sleep 600"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": PROJECT, "ownerReferences": [owner]},
           "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}}  # fmt: skip
    kubectl("create", "-f", "-", given=json.dumps(pod))
    due = time.monotonic() + PATIENCE_SECONDS
    while (said := Hidden(kubectl("logs", name, "-n", PROJECT, "--ignore-errors").strip())).count(".") != 2:
        assert time.monotonic() < due, name
        time.sleep(0.5)
    answer = shown_at(there, said)
    kubectl("delete", "pod", name, "-n", PROJECT, "--ignore-not-found")
    return answer


def shown_at(there: There, token: Hidden) -> int:
    """The status where this is shown for a run's token."""
    headers = {"Authorization": f"Bearer {token}".strip()}
    return httpx.post(f"{there.url}/auth/run-token", headers=headers, timeout=60).status_code


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"/argo/api/v1/workflows/{OTHER}", None, 403),
        ("POST", f"/argo/api/v1/workflows/{OTHER}", {"workflow": WORKFLOW}, 403),
        ("POST", f"/argo/api/v1/workflows/{PROJECT}", {"namespace": OTHER, "workflow": WORKFLOW}, 400),
        ("POST", f"/argo/api/v1/workflows/{PROJECT}", {"workflow": {**WORKFLOW, "metadata": {"namespace": OTHER, "name": "x"}}}, 400),
        ("GET", "/argo/api/v1/workflows/kube-system", None, 403),
        ("GET", f"/argo/api/v1/workflows/{PROJECT}/..%2f..%2f{OTHER}", None, 400),
        ("GET", "/argo/api/v1/cluster-workflow-templates", None, 501),
    ],
)  # fmt: skip
def test_another_projects_namespace_is_out_of_reach(
    there: There, method: str, path: str, body: object, status: int
) -> None:
    with there.client() as client:
        assert client.request(method, path, json=body).status_code == status
        assert httpx.request(method, f"{there.url}{path}", json=body, timeout=60).status_code in (400, 401)


def test_what_dies_in_the_pod_is_started_again(there: There) -> None:
    def pid() -> int:
        return int(
            in_pod(
                "sh",
                "-c",
                "python3 -c \"import psutil; print([p.pid for p in psutil.process_iter() if 'workflows.proxy' in p.cmdline()][0])\"",
            )
        )

    before = pid()
    in_pod("sh", "-c", f"kill -9 {before}")
    until_ready(there)
    assert pid() != before


def test_the_pod_may_go_and_nothing_is_lost(there: There) -> None:
    with there.client() as client:
        before = client.get(f"/api/v1/projects/{PROJECT}/runs").json()["items"]
    kubectl("delete", "pod", "-n", NAMESPACE, "-l", "app=atrium")
    kubectl("rollout", "status", "deployment/atrium", "-n", NAMESPACE, "--timeout=170s")
    with forwarded() as url:
        wait_for_door(url)
        again = There(url, there.admin, there.tokens)
        until_ready(again)
        with again.client() as client:
            after = client.get(f"/api/v1/projects/{PROJECT}/runs").json()["items"]
    assert before and [one["name"] for one in after] == [one["name"] for one in before]
    pods = ("get", "pods", "-n", NAMESPACE, "-l", "app=atrium", "--field-selector=status.phase=Running", "-o")
    assert set(kubectl(*pods, "jsonpath={.items[*].status.containerStatuses[*].restartCount}").split()) == {"0"}


def test_a_second_cluster_up_keeps_everything_as_it_is(there: There) -> None:
    said = cluster_up("--plan")
    kept, every = said.rpartition("keep")[2].split("objects")[0].split("of")
    assert int(kept) == int(every) > 0, said
