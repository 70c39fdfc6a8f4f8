"""Runs sent to the Argo of a real cluster, the one that KUBECONFIG names: how quick a click is there, lists of many, and a silent API server."""

import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
from playwright.sync_api import Page, sync_playwright

from bench.cluster_space import Space, space
from bench.figures import Figure, median_of, seconds_of, wait_until
from bench.flights import flights
from bench.instance import Instance
from bench.pages import LIMIT_MS, browser_binary, move, new_context, sign_in, visit
from bench.workflows import argo_binary

PROJECT, PIPELINE, CLUSTER = "bench-runs", "hello", "bench"
RUNS = f"/api/v1/projects/{PROJECT}/runs"
MANY, ROUNDS, LIST_ROUNDS, PATIENCE_SECONDS = 5_000, 5, 20, 600.0
MOST_OVER_SUBMIT_SECONDS, MOST_LIST_SECONDS, MOST_SILENT_SECONDS = 0.3, 0.3, 1.0
HELLO = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: hello-}
spec:
  entrypoint: main
  templates:
  - name: main
    container: {image: "busybox:1.36", imagePullPolicy: IfNotPresent, command: ["true"]}
"""


def cluster(instance: Instance) -> Iterator[Figure]:
    """Each figure of a cluster; one row that says why where none is named."""
    if not os.environ.get("KUBECONFIG"):
        yield Figure("on a cluster", None, "", note="not measured: KUBECONFIG names no cluster")
        return
    instance.atrium("project", "create", PROJECT)
    with space() as there, sync_playwright() as playwright, instance.client(PROJECT) as client:
        _connect(instance, there, client)
        browser = playwright.chromium.launch(executable_path=browser_binary(), args=["--no-sandbox"])
        with new_context(browser, sign_in(browser, instance.url)) as context:
            page = context.new_page()
            yield from _clicks(instance, there, page)
            yield from _many(instance, there, page, client)
            yield from _silent(instance, there, page, client)
        browser.close()
    yield from flights()


def _connect(instance: Instance, there: Space, client: httpx.Client) -> None:
    path = instance.home / "bench-cluster.yaml"
    path.write_text(there.tunneled)
    instance.atrium(
        "cluster", "add", CLUSTER, "--kubeconfig", str(path), "--argo-url", there.argo_url, "--argo-unchecked",
        "--project", f"{PROJECT}={there.namespace}",
    )  # fmt: skip
    saved = client.put(f"/api/v1/projects/{PROJECT}/pipelines/{PIPELINE}", json={"manifest": HELLO, "cluster": CLUSTER})
    saved.raise_for_status()


def _clicks(instance: Instance, there: Space, page: Page) -> Iterator[Figure]:
    """A click on Start beside `argo submit` to the same API server, in turns; each to the moment when that tells of the workflow."""
    binary, manifest = argo_binary(), instance.home / "hello-cluster.yaml"
    manifest.write_text(HELLO)
    clicks, plain = [], []
    for number in range(ROUNDS + 1):
        clicked = _click(instance, there, page)
        submitted = _submit(there, binary, manifest) if binary else 0.0
        if number:  # the first of each warms up
            clicks.append(clicked)
            plain.append(submitted)
    name, note = "click on Start to the Workflow's creation", f"median of {ROUNDS}, in turns"
    if binary is None:
        yield Figure(
            name,
            statistics.median(clicks),
            "s",
            note="no argo CLI to compare with: set ATRIUM_TEST_ARGO or put it on the PATH",
        )
        return
    yield Figure("plain `argo submit` to the Workflow's creation", statistics.median(plain), "s", note=note)
    yield Figure(name, statistics.median(clicks), "s", statistics.median(plain) + MOST_OVER_SUBMIT_SECONDS, note)


def _click(instance: Instance, there: Space, page: Page) -> float:
    visit(page, f"{instance.url}/app/pipelines?project={PROJECT}&pipeline={PIPELINE}&form=run")
    page.get_by_role("combobox", name="Where").click()
    page.get_by_role("option", name=CLUSTER).click()
    before = set(there.seen)
    button = page.get_by_role("button", name="Start", exact=True)
    button.wait_for(timeout=LIMIT_MS)
    page.evaluate("window.lastClick = 0")
    button.click()
    made = there.new_one(before)
    clicked = float(page.evaluate("performance.timeOrigin + window.lastClick")) / 1000
    return there.seen[made] - clicked


def _submit(there: Space, binary: str, manifest: Path) -> float:
    before, begun = set(there.seen), time.time()
    subprocess.run(
        [binary, "submit", "-n", there.namespace, str(manifest)],
        check=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )
    return there.seen[there.new_one(before)] - begun


def _many(instance: Instance, there: Space, page: Page, client: httpx.Client) -> Iterator[Figure]:
    """The portal's list of runs, by REST and in the browser, with many workflows at the API server."""
    one, few = next(iter(there.seen)), _moves(instance, page)
    wait_until(lambda: client.get(f"{RUNS}/{one}").json().get("phase") == "Succeeded", PATIENCE_SECONDS)
    there.fill(one, MANY)
    wait_until(lambda: client.get(f"{RUNS}/copy-{MANY - 1}").is_success, PATIENCE_SECONDS)
    note = f"copies of one real run, told by the watch; median of {LIST_ROUNDS}"
    spent = _answer(client, f"{RUNS}?limit=50")
    yield Figure(f"list of runs by REST, {MANY:,} workflows at the API server", spent, "s", MOST_LIST_SECONDS, note)
    yield Figure(
        f"page with that list, {MANY:,} workflows at the API server",
        _moves(instance, page),
        "s",
        MOST_LIST_SECONDS,
        f"a move inside the app; with {len(there.seen) - MANY} of them {few:.2f} s",
    )


def _answer(client: httpx.Client, path: str) -> float:
    """Seconds that an answer takes, the median."""
    return median_of(lambda: seconds_of(lambda: client.get(path).raise_for_status()), LIST_ROUNDS)


def _moves(instance: Instance, page: Page) -> float:
    """Seconds of a move from the overview to the pipelines with their runs."""
    visit(page, f"{instance.url}/app/?project={PROJECT}")
    move(page, "Pipelines")

    def again() -> float:
        move(page, "Overview")
        return move(page, "Pipelines")

    return median_of(again, ROUNDS)


def _silent(instance: Instance, there: Space, page: Page, client: httpx.Client) -> Iterator[Figure]:
    """The same while the API server takes connections and answers nothing; and how old what is shown then says it is."""
    one = next(iter(there.seen))
    there.tunnel.freeze()
    wait_until(lambda: "did not answer" in client.get(f"{RUNS}/{one}").json()["problem"], PATIENCE_SECONDS)
    for name, path in (("a list", f"{RUNS}?limit=50"), ("a run", f"{RUNS}/{one}")):
        spent = _answer(client, path)
        yield Figure(f"silent API server: {name} by REST", spent, "s", MOST_SILENT_SECONDS, f"median of {LIST_ROUNDS}")
    yield Figure(
        "silent API server: the page of the list",
        _moves(instance, page),
        "s",
        MOST_SILENT_SECONDS,
        "a move inside the app",
    )
    address = f"{instance.url}/app/pipelines?project={PROJECT}&run={quote(one)}"
    told = page.get_by_text("what is shown was last heard").first

    def shown() -> float:
        """Its age changes every few seconds, so it is timed to the moment when it is there, not to the last change."""
        page.goto("about:blank")
        begun = time.perf_counter()
        page.goto(address, wait_until="commit")
        told.wait_for(timeout=LIMIT_MS)
        return time.perf_counter() - begun

    spent, words = median_of(shown, ROUNDS), told.inner_text(timeout=LIMIT_MS).splitlines()[0]
    yield Figure(
        "silent API server: a run's page, loaded anew, with the age",
        spent,
        "s",
        MOST_SILENT_SECONDS,
        f"it says: {words}",
    )
    there.tunnel.thaw()
