"""Schedules, secrets, config maps and images on the pages: what a person sets there, stock clients and steps then find."""

import re
import secrets
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from e2e.looking import NewPage, errors_on, left_english, open_page, sideways
from playwright.sync_api import Page, expect
from small_platform import until
from support import Platform

pytestmark = [pytest.mark.platform, pytest.mark.browser]
SMALL = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  entrypoint: main
  arguments: {parameters: [{name: rows, value: "10"}]}
  templates:
  - name: main
    container: {image: "busybox:1", command: [echo, "{{workflow.parameters.rows}}"]}
"""


class Argo:
    """What a stock client of Argo Server sees of the project digits."""

    def __init__(self, platform: Platform) -> None:
        self.url = f"{platform.url}/argo/api/v1/workflows/digits"
        self.headers = {"Authorization": f"Bearer {platform.token('digits')}"}

    def runs(self, labels: str) -> list[str]:
        """Names of the runs with these labels."""
        found = httpx.get(self.url, params={"listOptions.labelSelector": labels}, headers=self.headers, timeout=60)
        return [one["metadata"]["name"] for one in found.json()["items"] or []]

    def submit(self, container: dict[str, object]) -> httpx.Response:
        """Answer to a workflow of one step."""
        spec = {"entrypoint": "main", "templates": [{"name": "main", "container": container}]}
        body = {"workflow": {"metadata": {"generateName": "seen-"}, "spec": spec}}
        return httpx.post(self.url, json=body, headers=self.headers, timeout=60)

    def said(self, container: dict[str, object]) -> str:
        """What a step writes, once it has succeeded."""
        made = self.submit(container)
        assert made.is_success, made.text
        name = made.json()["metadata"]["name"]
        one = f"{self.url}/{name}"
        until(
            lambda: httpx.get(one, headers=self.headers, timeout=60).json()["status"].get("phase") == "Succeeded", name, 120
        )  # fmt: skip
        logs = httpx.get(f"{one}/log", params={"logOptions.container": "main"}, headers=self.headers, timeout=60)
        return logs.text


@pytest.fixture(scope="module")
def argo(platform: Platform) -> Argo:
    return Argo(platform)


@pytest.fixture(scope="module")
def pipeline(platform: Platform, argo: Argo) -> str:
    """A small pipeline of this file's own."""
    name = f"by-itself-{secrets.token_hex(3)}"
    made = httpx.put(
        f"{platform.url}/api/v1/projects/digits/pipelines/{name}", json={"manifest": SMALL}, headers=argo.headers, timeout=60
    )  # fmt: skip
    assert made.is_success, made.text
    return name


def _settings(page: Page, platform: Platform, tab: str) -> None:
    open_page(page, platform.url, "settings", "digits")
    page.get_by_role("tab", name=tab, exact=True).click()
    expect(page.get_by_role("tab", name=tab, exact=True)).to_have_attribute("aria-selected", "true")


def _store(page: Page, **fields: str) -> None:
    for label, value in fields.items():
        page.get_by_label(label.replace("_", " "), exact=True).last.fill(value)
    page.get_by_role("button", name="Store").click()


@pytest.mark.timeout(500)
def test_a_pipeline_is_scheduled_paused_and_forgotten_on_its_page(
    page: Page, platform: Platform, argo: Argo, pipeline: str
) -> None:
    open_page(page, platform.url, "pipelines", "digits", pipeline=pipeline, tab="schedule")
    times = page.get_by_role("combobox", name="Times")
    times.fill("every now and then")
    times.press("Enter")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("every now and then").last).to_be_visible()
    expect(page.get_by_test_id("stAlertContentError")).to_contain_text("five fields")
    times.fill("@every 5s")
    times.press("Enter")
    page.get_by_label("rows").last.fill("7")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    scheduled = f"atrium.io/pipeline={pipeline},atrium.io/scheduled=true"
    until(lambda: bool(argo.runs(scheduled)), "a run that the schedule started", 180)
    expect(page.get_by_role("link", name=re.compile(f"^{pipeline}-")).first).to_be_visible()
    expect(page.get_by_role("table", name="Slots of the schedule").get_by_text("Succeeded").first).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    schedule = f"{platform.url}/api/v1/projects/digits/pipelines/{pipeline}/schedule"
    kept = httpx.get(schedule, headers=argo.headers, timeout=60).json()
    assert (kept["suspended"], kept["parameters"], kept["crontab"]) == (True, {"rows": "7"}, "@every 5s")
    open_page(page, platform.url, "pipelines", "digits")
    page.get_by_role("button", name=f"Delete: {pipeline}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    until(lambda: httpx.get(schedule, headers=argo.headers, timeout=60).status_code == 404, "the schedule gone")


def test_a_stored_secret_and_config_map_reach_a_step(page: Page, platform: Platform, argo: Argo) -> None:
    key, limits = f"KEY_{secrets.token_hex(3).upper()}", f"limits-{secrets.token_hex(3)}"
    _settings(page, platform, "Secrets")
    _store(page, Name=key, Value="open sesame")
    expect(page.get_by_text(f"{key} was stored.")).to_be_visible()
    page.get_by_role("tab", name="Config maps").click()
    expect(page).to_have_url(re.compile("tab=config_maps"))
    _store(page, Config_map=limits, Key="rows", Value="12")
    expect(page.get_by_role("button", name=f"Delete: {limits}/rows")).to_be_visible()
    sources = {
        "secret": {"secretKeyRef": {"name": "project", "key": key}},
        "limit": {"configMapKeyRef": {"name": limits, "key": "rows"}},
    }
    variables = [{"name": name, "valueFrom": source} for name, source in sources.items()]
    heard = argo.said({"image": "busybox:1", "command": ["sh", "-c", 'echo "${#secret} and $limit"'], "env": variables})
    assert "11 and 12" in heard
    page.get_by_role("button", name=f"Delete: {limits}/rows").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name=f"Delete: {limits}/rows")).to_have_count(0)
    maps = httpx.get(argo.url.replace("workflows/digits", "config-maps/digits"), headers=argo.headers, timeout=60)
    assert limits not in maps.text


def test_a_registered_environment_stands_for_an_image_until_it_is_removed(
    page: Page, platform: Platform, argo: Argo, tmp_path: Path
) -> None:
    image, folder = f"team/own-{secrets.token_hex(3)}", tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    step: dict[str, object] = {"image": f"{image}:1", "command": ["python", "-c", "import sys; print(sys.prefix)"]}
    assert argo.submit(step).status_code == 400
    _settings(page, platform, "Images")
    page.get_by_label("Image", exact=True).fill(f"{image}:*")
    page.get_by_label("Folder, or the name of a container image").fill(str(folder))
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("button", name=f"Remove: {image}:*")).to_be_visible()
    until(lambda: argo.submit(step).is_success, "the image known to the workflow server")
    assert str(folder) in argo.said(step)
    page.get_by_role("button", name=f"Remove: {image}:*").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name=f"Remove: {image}:*")).to_have_count(0)
    until(lambda: argo.submit(step).status_code == 400, "the image unknown again")


@pytest.mark.parametrize("tab", ["密钥", "配置映射", "镜像", "定时"])
def test_the_pages_of_a_project_stand_on_a_telephone_in_chinese(
    signed_in: NewPage, platform: Platform, english: re.Pattern[str], pipeline: str, tab: str
) -> None:
    page = signed_in(width=390, locale="zh-CN")
    if tab == "定时":
        open_page(page, platform.url, "pipelines", "digits", pipeline=pipeline)
    else:
        open_page(page, platform.url, "settings", "digits")
    page.get_by_role("tab", name=tab, exact=True).click()
    expect(page.get_by_role("tab", name=tab, exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator("[data-test-script-state=notRunning]").first).to_be_attached()
    assert errors_on(page) == [] and sideways(page) == []
    assert left_english(page, english) == []
    page.context.close()


def test_what_is_refused_is_told_in_chinese_on_pages_and_by_rest(
    signed_in: NewPage, platform: Platform, argo: Argo
) -> None:
    page = signed_in(locale="zh-CN")
    open_page(page, platform.url, "pipelines", "digits", pipeline="nowhere", tab="schedule")
    told = page.get_by_test_id("stAlertContentError")
    expect(told).to_contain_text("项目 'digits' 的流水线 'nowhere'")
    expect(told).to_contain_text("请查看流水线列表")
    open_page(page, platform.url, "pipelines", "digits", run="nowhere")
    expect(page.get_by_test_id("stAlertContentError")).to_contain_text("项目 'digits' 的运行 'nowhere'")
    open_page(page, platform.url, "models", "digits", model="nowhere")
    expect(page.get_by_test_id("stAlertContentError")).to_contain_text("项目 'digits' 的模型 'nowhere'")
    url = f"{platform.url}/api/v1/projects/digits/pipelines/nowhere/schedule"
    answer = httpx.get(url, headers=argo.headers | {"Accept-Language": "zh-CN,zh;q=0.9"}, timeout=60)
    assert (answer.status_code, answer.json()["asked"]) == (404, "项目 'digits' 中流水线 'nowhere' 的定时计划")
    page.context.close()


def test_an_engineer_writes_a_pipeline_and_is_led_to_the_line_that_argo_refuses(page: Page, platform: Platform) -> None:
    name = f"written-{secrets.token_hex(3)}"
    open_page(page, platform.url, "pipelines", "digits", new="1")
    page.get_by_label("Name", exact=True).fill(name)
    written = page.get_by_label("Argo manifest (YAML)")
    written.fill(SMALL.strip().replace("name: rows", "name: n").replace("parameters.rows", "parameters.n"))
    page.get_by_role("button", name="Check and save").click()
    expect(page.get_by_test_id("stAlertContentError")).to_contain_text("unless they stand in quotes")
    expect(page.get_by_role("button", name="Go to line 5")).to_be_visible()
    expect(page.locator("pre .wrong")).to_contain_text("name: n")
    expect(written).to_be_focused()
    written.press("End")
    written.press("Enter")
    assert (
        written.input_value().count("\n") == SMALL.strip().count("\n") + 1
    )  # what was written stays and can be mended
    written.fill(SMALL.strip())
    written.press("Control+s")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_a_pipeline_that_is_there_gets_a_revision_from_the_form_for_new_ones_only_where_one_says_so(
    page: Page, platform: Platform, argo: Argo
) -> None:
    name = f"taken-{secrets.token_hex(3)}"
    url = f"{platform.url}/api/v1/projects/digits/pipelines"
    httpx.put(f"{url}/{name}", headers=argo.headers, json={"manifest": SMALL.strip()}, timeout=60).raise_for_status()
    open_page(page, platform.url, "pipelines", "digits", new="1")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Argo manifest (YAML)").fill(
        SMALL.strip().replace("name: rows", "name: lines").replace(".rows", ".lines")
    )
    page.get_by_role("button", name="Check and save").click()
    expect(page.get_by_text(f"{name} is there already, at revision 1.")).to_be_visible()
    page.get_by_text("Save as the next revision of a pipeline that is there").click()
    page.get_by_role("button", name="Check and save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_text("Revision 2, saved by")).to_be_visible()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pydantic's, by Hera
def test_a_template_that_hera_made_is_run_from_a_form_for_its_parameters(
    page: Page, platform: Platform, argo: Argo
) -> None:
    from hera.workflows import Container, Parameter, WorkflowsService, WorkflowTemplate

    name = f"by-hera-{secrets.token_hex(3)}"
    asked = [Parameter(name="word", value="hello", enum=["hello", "bye"]), Parameter(name="times", value=3)]
    server = WorkflowsService(host=f"{platform.url}/argo/", token=argo.headers["Authorization"], namespace="digits")
    with WorkflowTemplate(
        name=name, entrypoint="main", arguments=asked, namespace="digits", workflows_service=server
    ) as made:
        Container(name="main", image="busybox:1", command=["echo", "{{workflow.parameters.word}}"])
    made.create()
    open_page(page, platform.url, "pipelines", "digits")
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_label("times").fill("5")
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(f"run={name}-"))
    expect(page.get_by_text("times=5", exact=True)).to_be_visible()
