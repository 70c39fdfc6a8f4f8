"""Stock clients against the whole platform, by one address and one kind of token."""

import json
import subprocess
from pathlib import Path

import httpx
import numpy as np
import pytest
from support import CHECKOUT, FLIGHT, Platform, argo_binary, tensors

pytestmark = [pytest.mark.platform, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def ask(platform: Platform, model: str, row: dict[str, object], token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(
        f"{platform.url}/v2/models/{model}/infer", json={"inputs": tensors(row)}, headers=headers, timeout=30
    )


def test_curl_gets_a_probability_for_a_flight(platform: Platform) -> None:
    answer = ask(platform, "flights--flight-delay", FLIGHT, platform.token("flights"))
    outputs = {one["name"]: one["data"] for one in answer.json()["outputs"]}
    assert sum(outputs["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_an_unseen_category_is_named_with_the_known_ones(platform: Platform) -> None:
    answer = ask(platform, "flights--flight-delay", FLIGHT | {"carrier": "ZZ"}, platform.token("flights"))
    assert answer.status_code == 400
    assert "'carrier' is 'ZZ'" in answer.text
    assert "AA" in answer.text


@pytest.mark.parametrize(
    "model", ["flights--flight-delay", "flights-eu--flight-delay", "digits--digit/../flights--flight-delay"]
)
def test_another_projects_token_is_refused(platform: Platform, model: str) -> None:
    assert ask(platform, model, FLIGHT, platform.token("digits")).status_code in (400, 403, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/repository/index",
        "/v2/repository/models/x/load",
        "/v2/logging",
        "/v2/trace/setting",
        "/v2/systemsharedmemory/status",
    ],
)
def test_tritons_settings_are_out_of_reach(platform: Platform, path: str) -> None:
    headers = {"Authorization": f"Bearer {platform.token('flights')}"}
    assert httpx.post(platform.url + path, headers=headers).status_code == 403


def test_a_token_in_the_query_opens_nothing(platform: Platform) -> None:
    token = platform.token("flights")
    assert httpx.get(f"{platform.url}/v2/models/flights--flight-delay?access_token={token}").status_code == 401
    assert httpx.get(f"{platform.url}/api/v1/me?token={token}").status_code == 401


def test_a_client_cannot_name_its_own_identity(platform: Platform) -> None:
    headers = {"x-atrium-identity": "forged", "x_atrium_identity": "forged"}
    assert httpx.get(f"{platform.url}/api/v1/me", headers=headers).status_code == 401


def test_tritonclient_answers_alike_over_http_and_grpc(platform: Platform) -> None:
    import tritonclient.grpc
    import tritonclient.http

    address, found = platform.url.removeprefix("http://"), []
    for library in (tritonclient.http, tritonclient.grpc):
        client = library.InferenceServerClient(address)
        inputs = []
        for name, value in FLIGHT.items():
            kind, dtype = ("BYTES", object) if isinstance(value, str) else ("FP32", np.float32)
            one = library.InferInput(name, [1, 1], kind)
            one.set_data_from_numpy(np.array([[value]], dtype=dtype))
            inputs.append(one)
        answer = client.infer(
            "flights--flight-delay", inputs, headers={"authorization": f"Bearer {platform.token('flights')}"}
        )
        found.append(answer.as_numpy("probabilities"))
        client.close()
    assert np.array_equal(*found)


def test_the_mlflow_client_sees_the_champion(platform: Platform) -> None:
    code = (
        "import mlflow; c = mlflow.MlflowClient(); v = c.get_model_version_by_alias('flight-delay', 'champion'); "
        "r = c.get_run(v.run_id); print(v.version, r.data.metrics['test_roc_auc'])"
    )
    environment = platform.environment | {
        "MLFLOW_TRACKING_URI": f"{platform.url}/mlflow",
        "MLFLOW_TRACKING_TOKEN": platform.token("flights"),
    }
    python = CHECKOUT / ".venv" / "bin" / "python"
    made = subprocess.run(
        [str(python), "-W", "ignore", "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    version, auc = made.stdout.split()
    assert version == "1"
    assert float(auc) > 0.7


def test_mlflow_refuses_another_project_and_new_workspaces(platform: Platform) -> None:
    headers = {"Authorization": f"Bearer {platform.token('digits')}", "X-MLFLOW-WORKSPACE": "flights"}
    api = f"{platform.url}/mlflow/api/2.0/mlflow"
    assert httpx.get(f"{api}/registered-models/search", headers=headers).status_code == 403
    assert httpx.post(f"{api}/workspaces", headers=headers, json={"name": "mine"}).status_code == 403


def test_the_feature_server_answers_with_the_newest_values(platform: Platform) -> None:
    headers = {"Authorization": f"Bearer {platform.token('flights')}"}
    body = {"feature_service": "flight-delay", "entities": {"origin": ["EWR"], "carrier": ["UA"]}}
    answer = httpx.post(
        f"{platform.url}/feast/flights/get-online-features", json=body, headers=headers, timeout=30
    ).json()
    values = dict(
        zip(answer["metadata"]["feature_names"], [one["values"][0] for one in answer["results"]], strict=True)
    )
    assert values["temp"] is not None
    assert values["origin_departures"] > 0


def test_the_argo_cli_submits_watches_and_reads(platform: Platform, tmp_path: Path) -> None:
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "hello-"},
        "spec": {"entrypoint": "say", "templates": [{"name": "say", "container": {"image": "busybox:1", "command": ["echo", "hello world"]}}]},
    }  # fmt: skip
    (tmp_path / "hello.yaml").write_text(json.dumps(manifest))
    environment = platform.environment | {
        "ARGO_SERVER": platform.url.removeprefix("http://"), "ARGO_BASE_HREF": "/argo", "ARGO_HTTP1": "true", "ARGO_SECURE": "false",
        "ARGO_TOKEN": f"Bearer {platform.token('flights')}", "ARGO_NAMESPACE": "flights", "KUBECONFIG": "/dev/null",
    }  # fmt: skip

    def argo(*arguments: str) -> str:
        return subprocess.run(
            [argo_binary(), *arguments], env=environment, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    assert "Succeeded" in argo("submit", "--watch", str(tmp_path / "hello.yaml"))
    assert "hello world" in argo("logs", "@latest", "--no-color")
    assert "hello-" in argo("list")


def test_hera_creates_and_waits(platform: Platform) -> None:
    from hera.workflows import Container, Workflow, WorkflowsService

    service = WorkflowsService(host=f"{platform.url}/argo/", token=f"{platform.token('flights')}", namespace="flights")
    with Workflow(generate_name="hera-", entrypoint="say", namespace="flights", workflows_service=service) as workflow:
        Container(name="say", image="alpine:3", command=["echo", "hello"])
    made = workflow.create(wait=True, poll_interval=1)
    assert made.status.phase == "Succeeded"


def test_a_step_sees_no_key_no_other_project_and_no_parent(platform: Platform, tmp_path: Path) -> None:
    from hera.workflows import Script, Workflow, WorkflowsService

    home = platform.home
    source = f"ls {home}/keys {home}/atrium.db {home}/projects/digits 2>&1; cat /proc/1/environ | tr '\\0' '\\n' | grep -c ADMIN_PASSWORD; ls {home}/run; true"
    service = WorkflowsService(host=f"{platform.url}/argo/", token=f"{platform.token('flights')}", namespace="flights")
    with Workflow(
        generate_name="walls-", entrypoint="look", namespace="flights", workflows_service=service
    ) as workflow:
        Script(name="look", image="busybox:1", command=["sh"], source=source)
    made = workflow.create(wait=True, poll_interval=1)
    said = platform.atrium("logs", made.metadata.name, "--project", "flights")
    assert "identity.key" not in said
    assert "gate.sock" not in said
    assert said.count("No such file") >= 3


def test_status_names_every_component_as_up(platform: Platform) -> None:
    found = json.loads(platform.atrium("status", "--json"))
    assert {one["name"] for one in found} >= {
        "gate",
        "door",
        "argo",
        "mlflow",
        "feast",
        "triton",
        "api",
        "worker",
        "portal",
        "demos",
    }
    assert all(one["state"] == "up" for one in found)


def test_a_second_up_changes_nothing_and_says_so(platform: Platform) -> None:
    assert "nothing was changed" in platform.atrium("up")
