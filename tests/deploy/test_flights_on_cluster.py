"""The flights pipeline on a real cluster, started by a click: its pages while it goes and after its pods are gone."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from cluster_platform import HERE, OVERLAY, PROJECT, REASON, There, argo, ended, in_pod, kubectl
from playwright.sync_api import Page, expect
from support import CHECKOUT, chromium

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.skipif(not HERE, reason=REASON),
    pytest.mark.skipif(OVERLAY != "full", reason="steps reach the project's data where the overlay is full"),
]
FLIGHTS, PIPELINE, PIPELINE_SECONDS, PAGE_MS = (
    CHECKOUT / "examples/flights/pipeline.yaml",
    "flight-delay",
    900.0,
    120_000,
)


@pytest.fixture(scope="module")
def page(there: There) -> Iterator[Page]:
    """A browser in which the administrator is signed in."""
    with chromium() as browser, browser.new_context(locale="en-US", viewport={"width": 1280, "height": 950}) as context:
        context.set_default_timeout(PAGE_MS)
        context.add_cookies(
            [{"name": one.name, "value": str(one.value), "url": there.url} for one in there.admin.cookies.jar]
        )
        yield context.new_page()


@pytest.fixture(scope="module")
def run(there: There, page: Page) -> dict[str, Any]:
    """A finished run of the pipeline, started by its button; its graph was seen while it went."""
    with there.client() as client:
        saved = client.put(f"/api/v1/projects/{PROJECT}/pipelines/{PIPELINE}", json={"manifest": FLIGHTS.read_text()})
        assert saved.is_success, saved.text
    page.goto(f"{there.url}/app/pipelines?project={PROJECT}")
    page.get_by_role("row", name=PIPELINE).get_by_role("button", name="Run").first.click()
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"[?&]run=flight-delay-"))
    name = re.findall(r"[?&]run=([a-z0-9-]+)", page.url)[0]
    expect(page.get_by_text(re.compile(r"^[1-9]/10$")).first).to_be_visible(timeout=PIPELINE_SECONDS * 1000)
    assert page.get_by_text("Running").first.is_visible()
    found = ended(there, name, PIPELINE_SECONDS)
    assert found["phase"] == "Succeeded", in_pod("atrium", "logs", name, "--project", PROJECT)[-3000:]
    return found


def test_the_run_that_was_clicked_ends_with_a_model_that_answers(there: There, run: dict[str, Any]) -> None:
    with there.client() as client:
        assert client.get(f"/v2/models/{PROJECT}--{PIPELINE}/ready").status_code == httpx.codes.OK
        datasets = [one["name"] for one in client.get(f"/api/v1/projects/{PROJECT}/datasets").json()["items"]]
        steps = client.get(f"/argo/api/v1/workflows/{PROJECT}/{run['name']}").json()["status"]["nodes"].values()
    assert "training-set" in datasets
    pods = [one for one in steps if one["type"] == "Pod"]
    assert len(pods) == 10 and all(one["resourcesDuration"] for one in pods)
    spent = sum(_seconds(one) for one in pods)
    whole = _seconds(next(one for one in steps if one["name"] == run["name"]))
    print(f"flights on the cluster: {whole:.0f} s, its steps' pods {spent:.0f} s")


def test_its_pages_tell_everything_after_its_pods_are_gone(there: There, page: Page, run: dict[str, Any]) -> None:
    kubectl("delete", "pods", "-n", PROJECT, "-l", f"workflows.argoproj.io/workflow={run['name']}")
    trained = next(one for one in run["nodes"] if one["name"] == "train-boosting")
    page.goto(f"{there.url}/app/pipelines?project={PROJECT}&run={run['name']}&node={trained['id']}")
    expect(page.get_by_text("10/10", exact=True).first).to_be_visible()
    for name in ("extract", "train-baseline", "smoke-test"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    expect(page.locator("[data-testid=stCode]").first).to_contain_text(re.compile(r"\w"))
    page.get_by_role("tab", name="Artifacts").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="model", exact=True).click()
    assert download.value.path().stat().st_size > 1000
    page.get_by_role("tab", name="Resources").click()
    expect(page.get_by_text(re.compile(r"[1-9][0-9,]* s of one CPU")).first).to_be_visible()
    assert page.locator("[data-testid=stAlertContentError], [data-testid=stException]").all_inner_texts() == []


@pytest.mark.cluster_long
def test_hera_runs_the_pipeline_as_it_is_written(there: There) -> None:
    from hera.workflows import WorkflowsService

    from examples.flights.pipeline import workflow

    made = workflow()
    made.namespace = PROJECT
    made.workflows_service = WorkflowsService(host=f"{there.url}/argo/", token=there.tokens[PROJECT], namespace=PROJECT)
    found = made.create(wait=True, poll_interval=2)
    assert found.status.phase == "Succeeded"
    assert ended(there, found.metadata.name)["owner"] == "admin"


@pytest.mark.cluster_long
def test_the_argo_cli_runs_the_pipeline_and_reads_it_after_its_pods_are_gone(there: There) -> None:
    said = argo(there, "submit", "--watch", str(FLIGHTS), seconds=PIPELINE_SECONDS)
    assert "Succeeded" in said and "smoke-test" in said
    run = re.findall(r"Name:\s+(\S+)", said)[0]
    assert "10/10" in argo(there, "get", run)
    kubectl("delete", "pods", "-n", PROJECT, "-l", f"workflows.argoproj.io/workflow={run}")
    assert ended(there, run)["phase"] == "Succeeded"
    assert "rows" in in_pod("atrium", "logs", run, "--project", PROJECT)


def _seconds(node: dict[str, str]) -> float:
    return (datetime.fromisoformat(node["finishedAt"]) - datetime.fromisoformat(node["startedAt"])).total_seconds()
