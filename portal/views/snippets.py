"""What to copy to use the platform with stock clients; complete, so that each runs as it is with a token in `TOKEN`."""

import json
import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import streamlit as st

import serving
from atrium.metrics import prometheus_access
from atrium.names import model_name
from atrium.settings import get_settings
from portal.ui import link_to
from portal.words import _

ADMINISTERS = (
    "# with an administrator's token: export TOKEN=$(.venv/bin/atrium token create metrics --administrator | tail -1)"
)
Texts = dict[str, tuple[str, str]]


def token_note() -> None:
    """Where the token of the snippets comes from."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(_("Each expects a token in the environment variable TOKEN."), width="content")
        link_to("settings", _("Create a token"), "key")


def workflow_texts(here: str, pipeline: str = "", parameters: Mapping[str, str] | None = None) -> Texts:
    """Hera, the argo command line, and curl where a pipeline is named: text and language by title."""
    url = get_settings().public_url
    scheme, _slashes, address = url.partition("://")
    hera = (
        "import os\n\nfrom hera.workflows import Container, Workflow, WorkflowsService\n\n"
        f'service = WorkflowsService(host="{url}/argo/", token=os.environ["TOKEN"], namespace="{here}")\n'
        f'with Workflow(generate_name="hello-", entrypoint="hello", namespace="{here}", workflows_service=service) as workflow:\n'
        '    Container(name="hello", image="alpine:3", command=["echo", "hello"])\n'
        "print(workflow.create(wait=True).status.phase)"
    )
    argo = (
        f"export ARGO_SERVER={address} ARGO_BASE_HREF=/argo ARGO_HTTP1=true ARGO_SECURE={str(scheme == 'https').lower()}\n"
        f'export ARGO_TOKEN="Bearer $TOKEN" ARGO_NAMESPACE={here}\nargo list\n'
        "argo submit --watch - <<'END'\napiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: hello-}\nspec:\n"
        "  entrypoint: hello\n  templates:\n  - {name: hello, container: {image: 'alpine:3', command: [echo, hello]}}\nEND\nargo logs @latest"
    )
    found = {"Hera": (hera, "python"), "argo": (argo, "bash")}
    if pipeline:
        body = json.dumps({"parameters": dict(parameters or {})})
        curl = (
            f"curl -X POST {url}/api/v1/projects/{here}/pipelines/{pipeline}/runs \\\n"
            f'  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\\n  -d \'{body}\''
        )
        found["curl"] = (curl, "bash")
    return found


def _short(value: Any) -> Any:
    """An example's value with at most four decimals."""
    if isinstance(value, list):
        return [_short(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


def service_texts(one: serving.ServiceView) -> Texts:
    """Curl and Triton's own clients, over HTTP and gRPC, asking with the model's example: text and language by title."""
    columns, row = serving.columns_of(one.signature), serving.example_rows(one.example, 1)[0]
    scheme, _slashes, address = get_settings().public_url.partition("://")
    inputs = [
        {
            "name": column["name"], "shape": [1, *column["shape"]], "datatype": column["datatype"],
            "data": _short(row[column["name"]] if isinstance(row[column["name"]], list) else [row[column["name"]]]),
        }
        for column in columns
    ]  # fmt: skip
    lines = ",\n  ".join(json.dumps(one, ensure_ascii=False) for one in inputs)
    curl = f'curl -H "Authorization: Bearer $TOKEN" {one.address}/infer -d \'{{"inputs": [\n  {lines}\n]}}\''
    found = {"curl": (curl, "bash")}
    outputs = [str(output["name"]) for output in one.signature.get("outputs") or [] if output.get("name")]
    for kind, title in (("http", "tritonclient HTTP"), ("grpc", "tritonclient gRPC")):
        secure = ", ssl=True" if scheme == "https" else ""
        values = ",\n    ".join(json.dumps(one, ensure_ascii=False) for one in inputs)
        text = (
            f"import os\n\nimport numpy as np\nimport tritonclient.{kind} as triton\nfrom tritonclient.utils import triton_to_np_dtype\n\n"
            f'rows = [\n    {values},\n]\nclient = triton.InferenceServerClient("{address}"{secure})\ninputs = []\n'
            'for row in rows:\n    array = np.array(row["data"], dtype=triton_to_np_dtype(row["datatype"])).reshape(row["shape"])\n'
            '    one = triton.InferInput(row["name"], row["shape"], row["datatype"])\n    one.set_data_from_numpy(array)\n    inputs.append(one)\n'
            f'headers = {{"authorization": f"Bearer {{os.environ[\'TOKEN\']}}"}}\n'
            f'answer = client.infer("{model_name(one.project, one.name)}", inputs, headers=headers)\n'
            f"for name in {json.dumps(outputs)}:\n    print(name, answer.as_numpy(name))"
        )
        found[title] = (text, "python")
    return found


def metric_texts() -> Texts:
    """Curl for what the platform measures: its own page of metrics, and the Prometheus that keeps them, where there is one."""
    found = {
        "/metrics": (
            f'{ADMINISTERS}\ncurl -H "Authorization: Bearer $TOKEN" {get_settings().public_url}/metrics',
            "bash",
        )
    }
    if kept := prometheus_access():
        url, given = kept.url, ""
        if kept.certificate:  # the supervisor's own lets in who holds its key: run this on the platform's machine
            certificate, key = kept.certificate
            given = f"--cacert {certificate} --cert {certificate} --key {key} "
        asked = "--data-urlencode query=atrium_component_up"
        found["Prometheus"] = (f"curl {given}{url}/api/v1/query {asked}", "bash")
    return found


def put_text(here: str, model: str) -> str:
    """Python that logs an ONNX model so that it can be served, and registers it as a version of `model`."""
    url = get_settings().public_url
    return (
        f'import os\n\nos.environ["MLFLOW_TRACKING_URI"] = "{url}/mlflow"\nos.environ["MLFLOW_TRACKING_TOKEN"] = os.environ["TOKEN"]\n'
        f'os.environ["MLFLOW_WORKSPACE"] = "{here}"\n\nimport mlflow\nfrom mlflow.models import infer_signature\n\n'
        "# onnx_model: of skl2onnx, torch.onnx or the like; inputs: a pandas table of some rows; outputs: what the model says of them\n"
        'mlflow.set_experiment("my-experiment")\nwith mlflow.start_run():\n    mlflow.onnx.log_model(\n        onnx_model, name="model",\n'
        f'        registered_model_name="{model}",\n        signature=infer_signature(inputs, outputs), input_example=inputs.head(5),\n    )'
    )


def lookup_texts(here: str, service: str, entities: Mapping[str, object], moment: datetime) -> Texts:
    """Curl for a feature service's newest values of some entities, and for those of a moment: text and language by title."""
    url = get_settings().public_url
    head = 'curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json"'
    asked = {"feature_service": service, "entities": {key: [value] for key, value in entities.items()}}
    rows = {"rows": [{**entities, "event_timestamp": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}]}
    newest = f"{head} {url}/feast/{here}/get-online-features \\\n  -d {_body(asked)}"
    past = f"{head} {url}/api/v1/projects/{here}/features/services/{service}/point-in-time \\\n  -d {_body(rows)}"
    return {_("Newest values"): (newest, "bash"), _("At moments of the past"): (past, "bash")}


def _body(value: object) -> str:
    return shlex.quote(json.dumps(value, ensure_ascii=False, default=str))


def tools(texts: Texts) -> None:
    """The texts, folded away, a tab each."""
    with st.expander(_("From your own tools"), icon=":material/terminal:"):
        token_note()
        for tab, (text, language) in zip(st.tabs(list(texts)), texts.values(), strict=True):
            tab.code(text, language=language)
