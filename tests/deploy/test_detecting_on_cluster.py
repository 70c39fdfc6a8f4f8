"""What a cluster has already, by its API server's own types: seen with them, not without, and too old a one is said to be."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cluster_platform
import dry_run
import httpx
import pytest
import yaml
from cluster_platform import NAMESPACE, Hidden, There, cluster_up, in_pod, kubectl, until
from dry_run import CRDS, delete_types, until_established
from playwright.sync_api import expect
from support import chromium

from app.deploying.detecting import detect, findings
from workflows.clusters.detecting import KNOWN, MONITORS, Project, Use

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.cluster,
    pytest.mark.skipif(not cluster_platform.HERE, reason=cluster_platform.REASON),
    pytest.mark.skipif(not dry_run.CRDS.is_dir(), reason="the custom resources of ../shared/crds are not here"),
]
PAGE_MS = 120_000
FILES = {
    "Gateway API": "gateway-api.yaml", "Prometheus operator": "prometheus-operator.yaml", "Kueue": "kueue.yaml", "Volcano": "volcano.yaml",
    "KubeRay": "kuberay.yaml", "Kubeflow Trainer": "kubeflow-trainer-v2.yaml", "Katib": "katib.yaml", "KServe": "kserve.yaml",
}  # fmt: skip


def names() -> set[str]:
    return {one.name for one in detect() if one.use is not Use.OLD}


def test_every_project_that_is_known_is_tried() -> None:
    assert {one.name for one in KNOWN} == {"Argo Workflows", *FILES}
    assert "Argo Workflows" in names()


def type_of(project: Project) -> dict[str, Any]:
    """The custom resource by which a project is known, as the project's own release has it."""
    every = yaml.load_all((CRDS / FILES[project.name]).read_text(), yaml.CSafeLoader)
    return next(one for one in every if one and one["metadata"]["name"] == project.resource)


@contextmanager
def types_of(*projects: Project) -> Iterator[None]:
    """Those custom resources on the cluster; gone afterwards."""
    for one in projects:
        kubectl("apply", "--server-side", "-f", "-", given=json.dumps(type_of(one)))
    try:
        for one in projects:
            until_established(one.resource)
        yield
    finally:
        delete_types([one.resource for one in projects])


def test_each_project_is_seen_while_its_type_is_there_and_not_without() -> None:
    before = names()
    tried = [one for one in KNOWN if one.name not in before]  # the cluster's own may be in use, and stay
    with types_of(*tried):
        until(lambda: names() == before | {one.name for one in tried})
    until(lambda: names() == before)


def told(there: There) -> dict[str, str]:
    """What the platform tells of the cluster on which it runs: by name what becomes of each known project."""
    [home] = [one for one in there.admin.get("/api/v1/clusters").json() if one["name"] == "home"]
    assert home["argo_version"].startswith("v3.") or not home["detected"]
    return {one["name"]: one["use"] for one in home["detected"]}


def test_the_platform_tells_what_its_own_cluster_has_within_a_minute(there: There) -> None:
    until(lambda: {name for name, use in told(there).items() if use != "not there"} == {one.name for one in detect()})
    before = told(there)  # the worker has seen that the types of an earlier test are gone
    tried = [one for one in KNOWN if before[one.name] == "not there"]
    assert MONITORS in tried
    with types_of(*tried):
        until(lambda: all(told(there)[one.name] == ("used" if one.used else "not used") for one in tried))
        said = in_pod("atrium", "cluster", "list")
        assert "used: Argo Workflows v3." in said and "not used: Kueue" in said
    until(lambda: told(there) == before)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ("What home has", "Used", "runs pipelines", "Not there")), ("zh_CN", ("集群 home 中已有的软件", "已使用", "运行流水线", "未安装"))],
)  # fmt: skip
def test_the_page_tells_it_in_both_languages(there: There, language: str, words: tuple[str, ...]) -> None:
    until(lambda: told(there).get("KServe") == "not there")
    with chromium() as browser, browser.new_context(viewport={"width": 1280, "height": 950}) as context:
        context.set_default_timeout(PAGE_MS)
        context.add_cookies(
            [{"name": one.name, "value": str(one.value), "url": there.url} for one in there.admin.cookies.jar]
        )
        page = context.new_page()
        page.goto(f"{there.url}/app/settings?tab=clusters&lang={language}")
        for one in words:
            expect(page.get_by_text(one, exact=True).first).to_be_visible(timeout=PAGE_MS)


def test_a_version_that_is_too_old_is_said_with_the_one_that_is_needed() -> None:
    older = type_of(MONITORS)
    older["spec"]["versions"][0]["name"] = "v1alpha1"
    kubectl("apply", "--server-side", "-f", "-", given=json.dumps(older))
    try:
        until_established(MONITORS.resource)
        until(lambda: any(one.name == MONITORS.name for one in findings()))
        [told] = [one for one in findings() if one.name == MONITORS.name]
        assert (told.verdict, "v1alpha1; v1 is needed" in told.found) == ("warn", True)
        assert "ServiceMonitor" not in (said := cluster_up("--plan")) and told.found in said
    finally:
        delete_types([MONITORS.resource])


def test_a_prometheus_operator_gets_a_monitor_with_a_token_that_reads_the_figures(there: There) -> None:
    assert "ServiceMonitor" not in cluster_up("--plan")
    with types_of(MONITORS):
        until(lambda: MONITORS.name in names())
        said = cluster_up()
        assert f"{MONITORS.name} is there" in said and f"create  ServiceMonitor {NAMESPACE}/atrium" in said
        [monitor] = json.loads(kubectl("get", "servicemonitors.monitoring.coreos.com", "-n", NAMESPACE, "-o", "json"))[
            "items"
        ]
        selector = ",".join(f"{key}={value}" for key, value in monitor["spec"]["selector"]["matchLabels"].items())
        service = json.loads(kubectl("get", "services", "-n", NAMESPACE, "-l", selector, "-o", "json"))["items"]
        assert [one["metadata"]["name"] for one in service] == ["atrium"]
        assert monitor["spec"]["endpoints"][0]["port"] in [one["name"] for one in service[0]["spec"]["ports"]]
        key = monitor["spec"]["endpoints"][0]["authorization"]["credentials"]
        secret = json.loads(kubectl("get", "secret", key["name"], "-n", NAMESPACE, "-o", "json"))
        token = Hidden(base64.b64decode(secret["data"][key["key"]]).decode())
        answer = httpx.get(f"{there.url}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=60)
        assert answer.status_code == httpx.codes.OK and "atrium_" in answer.text
    kubectl("delete", "secret", "atrium-metrics", "-n", NAMESPACE)
    assert "ServiceMonitor" not in cluster_up("--plan")
