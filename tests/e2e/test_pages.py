"""What a person does on the pages, in a real browser."""

import re

import httpx
import pytest
import support
from e2e.looking import NewPage, open_page
from playwright.sync_api import Browser, Page, expect
from small_platform import until
from support import Platform

pytestmark = [pytest.mark.platform, pytest.mark.browser]


def test_a_wrong_password_is_told_in_words(browser: Browser, platform: Platform) -> None:
    page = browser.new_page(locale="en-US")
    page.goto(f"{platform.url}/auth/login")
    page.get_by_label("Name").fill("nobody")
    page.get_by_label("Password").fill("wrong password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    page.close()


def test_a_person_starts_a_run_and_sees_it_end(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/app/pipelines?project=digits")
    page.get_by_role("button", name="Run: digit").click()
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile("run=digit-"))
    expect(page.get_by_role("button", name="train")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=90_000)


def test_a_run_on_the_overview_leads_to_its_page_in_its_project(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/app/?project=digits")
    page.get_by_role("link", name=re.compile("^digit-")).first.click()
    expect(page.get_by_role("heading", level=1, name=re.compile("^digit-"))).to_be_visible()
    expect(page).to_have_url(re.compile(r"/pipelines\?(?=.*run=digit-)(?=.*project=digits)"))


def test_a_person_follows_a_models_path_back_to_the_version_of_its_data(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/app/models?project=flights&model=flight-delay&version=1")
    path = page.get_by_role("list", name="Where it comes from, and what uses it")
    expect(path.locator("[aria-current]")).to_have_text(["flight-delay v1"])
    expect(path.get_by_role("link", name="boosting · ")).to_be_visible()
    path.get_by_role("button", name=re.compile("and . more")).click()
    path.get_by_role("link", name=re.compile(r"^flights v\d")).click()
    expect(page).to_have_url(re.compile(r"dataset=flights&version=\d|version=\d&dataset=flights"))
    expect(path.locator("[aria-current]")).to_have_text([re.compile(r"flights v\d")])


def test_another_project_opens_the_same_page_without_what_was_open(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/app/pipelines?project=flights&pipeline=flight-delay")
    expect(page.get_by_role("heading", level=1, name="flight-delay")).to_be_visible()
    page.get_by_label("Project", exact=True).select_option("digits")
    expect(page).to_have_url(re.compile("pipelines.project=digits$"))
    expect(page.get_by_role("heading", level=1, name="Pipelines")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1, name="flight-delay")).to_be_visible()
    expect(page.get_by_label("Project", exact=True)).to_have_value("flights")


def test_a_stakeholder_opens_the_demo_after_signing_in(page: Page, platform: Platform) -> None:
    port = int(platform.url.rsplit(":", 1)[1]) + 1
    page.goto(f"http://flight-delay--flights.localhost:{port}/")
    expect(page.get_by_role("button").first).to_be_visible(timeout=60_000)
    expect(page).to_have_url(re.compile("flight-delay--flights.localhost"))
    names = [cookie["name"] for cookie in page.context.cookies(f"http://flight-delay--flights.localhost:{port}/")]
    assert [name for name in names if name.startswith("atrium_") and "content" not in name] == []
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="航班延误")).to_be_visible()
    expect(page.get_by_text("尚未预测")).to_be_visible()
    expect(page.locator("body")).not_to_have_class(re.compile("dark"))
    page.get_by_role("button", name="切换明暗").click()
    expect(page.locator("body")).to_have_class(re.compile("dark"))
    page.goto(f"http://flight-delay--flights.localhost:{port}/")
    expect(page.get_by_role("heading", name="航班延误")).to_be_visible()
    expect(page.locator("body")).to_have_class(re.compile("dark"))
    page.get_by_role("link", name="全部演示").click()
    expect(page).to_have_url(re.compile("/app/demos"))


def test_a_stakeholder_signs_in_from_the_demos_address_asks_and_says_whether_it_was_right(
    browser: Browser, platform: Platform
) -> None:
    host = f"http://flight-delay--flights.localhost:{int(platform.url.rsplit(':', 1)[1]) + 1}/"
    token = {"Authorization": f"Bearer {platform.token('flights')}"}
    verdicts = f"{platform.url}/api/v1/projects/flights/feedback?limit=200"

    def kept() -> int:
        return len(httpx.get(verdicts, headers=token, timeout=60).json()["items"])

    before = kept()
    page = browser.new_context(locale="en-US").new_page()
    page.set_default_timeout(60_000)
    page.goto(host)
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(support.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(host)
    page.get_by_role("button", name="Predict").click()
    page.get_by_role("button", name="That was right").click()
    until(lambda: kept() > before, "the kept verdict", 60)
    page.context.close()


FAILING = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  entrypoint: main
  templates:
  - name: main
    container: {image: "busybox:1", command: [sh, -c, "echo the file is lost; exit 3"]}
"""


@pytest.mark.timeout(400)
def test_a_failed_run_says_why_and_its_alert_is_silenced(page: Page, platform: Platform) -> None:
    headers = {"Authorization": f"Bearer {platform.token('digits')}"}
    api = f"{platform.url}/api/v1/projects/digits/pipelines/failing"
    assert httpx.put(api, json={"manifest": FAILING}, headers=headers, timeout=60).is_success
    run = httpx.post(f"{api}/runs", json={}, headers=headers, timeout=60).json()["name"]
    page.goto(f"{platform.url}/app/pipelines?project=digits&run={run}")
    expect(page.get_by_text("ended Failed with exit code 3")).to_be_visible(timeout=90_000)
    expect(page.get_by_text("Error (exit code 3)")).to_have_count(1)  # the step's own line
    page.get_by_role("link", name="See everything that it wrote").click()
    expect(page.get_by_role("heading", level=3, name="failing-")).to_be_in_viewport()
    page.get_by_role("link", name="Mend it, then retry").click()
    page.get_by_role("dialog").get_by_role("button", name="Retry").click()
    expect(page.get_by_text("Retry: asked for")).to_be_visible()
    expect(page.get_by_text("ended Failed with exit code 3")).to_be_visible(timeout=90_000)
    page.goto(f"{platform.url}/app/monitoring?project=digits")
    expect(page.get_by_text("The newest run of pipeline failing failed")).to_be_visible(timeout=120_000)
    page.get_by_role("button", name="Why?").first.click()
    page.get_by_role("dialog").get_by_role("link", name="See everything that it wrote").click()
    expect(page).to_have_url(re.compile(f"(?=.*run={run})(?=.*node=)"))
    open_page(page, platform.url, "monitoring", "digits")
    page.get_by_role("button", name="Silence").first.click()
    page.get_by_label("Reason").fill("known, being mended")
    page.get_by_test_id("stPopoverBody").get_by_role("button", name="Silence").click()
    expect(page.get_by_text("Silenced by admin until")).to_be_visible(timeout=60_000)


def test_a_person_changes_language_and_theme_and_finds_them_again(signed_in: NewPage, platform: Platform) -> None:
    page = signed_in()
    open_page(page, platform.url, "pipelines", "flights")
    page.get_by_role("button", name="admin").click()
    page.get_by_role("radio", name="Dark").click()
    expect(page.locator("[data-testid=stApp]")).to_have_css("color-scheme", "dark")
    open_page(page, platform.url, "services", "flights")
    expect(page.locator("[data-testid=stApp]")).to_have_css("color-scheme", "dark")
    page.get_by_role("button", name="admin").click()
    page.get_by_role("radio", name="中文").click()
    expect(page.get_by_role("heading", level=1, name="服务")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    other = page.context.new_page()
    other.goto(f"{platform.url}/app/settings?project=flights")
    expect(other.get_by_role("heading", level=1, name="设置")).to_be_visible()
    other.goto(f"{platform.url}/auth/password")
    expect(other.get_by_role("heading", level=1, name="修改密码")).to_be_visible()
    expect(other.locator("html")).to_have_class("Dark")


def test_a_step_of_a_run_is_chosen_by_keyboard_and_its_address_can_be_shared(
    signed_in: NewPage, platform: Platform
) -> None:
    page = signed_in()
    open_page(page, platform.url, "pipelines", "flights")
    page.get_by_role("link", name=re.compile("^flight-delay-")).first.click()
    step = page.get_by_role("button", name="extract")
    expect(step).to_be_visible()
    step.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("node="))
    expect(step).to_have_attribute("aria-pressed", "true")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_role("button", name="extract")).to_have_attribute("aria-pressed", "true")
