"""A backup of the running platform with its examples, restored into an empty home elsewhere: everything is found again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from instances import down, instance, sign_in, until
from support import FLIGHT, PASSWORD, Platform, tensors

pytestmark = [pytest.mark.platform, pytest.mark.timeout(600)]
PASSPHRASE = "four random words here"
LISTS = ("datasets", "models", "experiments", "tracking-runs", "pipelines", "runs", "demos", "secrets")
READS_SECRET = {
    "metadata": {"generateName": "secret-"},
    "spec": {"entrypoint": "main", "templates": [{"name": "main", "container": {
        "image": "busybox", "command": ["sh", "-c", 'test "$WORD" = swordfish'],
        "env": [{"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "kept", "key": "word"}}}]}}]},
}  # fmt: skip


@dataclass
class Pair:
    """The platform that was backed up, the one that was restored, and a token that the first one gave."""

    before: Platform
    after: Platform
    token: str

    def both(self, path: str, **options: Any) -> tuple[Any, Any]:
        """What each answers."""
        return ask(self.before, self.token, path, **options), ask(self.after, self.token, path, **options)


def ask(platform: Platform, token: str, path: str, **options: Any) -> Any:
    method = "POST" if "json" in options else "GET"
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.request(method, platform.url + path, headers=headers, timeout=60, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def pair(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("backup")
    (folder / "words").write_text(PASSPHRASE + "\n")
    token = platform.token("flights")
    headers = {"Authorization": f"Bearer {token}"}
    made = httpx.put(
        f"{platform.url}/api/v1/projects/flights/secrets/kept.word",
        json={"value": "swordfish"},
        headers=headers,
        timeout=30,
    )
    assert made.status_code < 300, made.text
    said = platform.atrium("backup", str(folder / "all.tar.gz"), "--passphrase-file", str(folder / "words"))
    assert "files" in said
    after = instance(folder / "home")
    after.atrium("restore", str(folder / "all.tar.gz"), "--passphrase-file", str(folder / "words"))
    try:
        after.atrium("up", "--no-examples")
        yield Pair(platform, after, token)
    finally:
        down(after)


@pytest.mark.parametrize("what", LISTS)
def test_each_list_holds_the_same(pair: Pair, what: str) -> None:
    before, after = pair.both(f"/api/v1/projects/flights/{what}")
    assert items(before) and [one for one in items(before) if one not in items(after)] == []


def items(page: Any) -> list[object]:
    """What a list's answer holds, without what tells of now."""
    found = page["items"] if isinstance(page, dict) else page
    return [{key: value for key, value in one.items() if key not in ("address", "requests_today")} for one in found]


def test_the_model_gives_the_same_answer_to_the_same_token(pair: Pair) -> None:
    def live() -> bool:
        headers = {"Authorization": f"Bearer {pair.token}"}
        url = f"{pair.after.url}/v2/models/flights--flight-delay/ready"
        return httpx.get(url, headers=headers, timeout=30).status_code == 200

    until(live, "the restored service")
    before, after = pair.both("/v2/models/flights--flight-delay/infer", json={"inputs": tensors(FLIGHT)})
    assert before["outputs"] == after["outputs"]


def test_people_sign_in_as_before(pair: Pair) -> None:
    assert sign_in(pair.after, PASSWORD) == 303


def test_features_are_read_online_and_from_files_at_the_new_place(pair: Pair) -> None:
    asked = {"feature_service": "flight-delay", "entities": {"origin": ["EWR"], "carrier": ["UA"]}}
    before, after = pair.both("/feast/flights/get-online-features", json=asked)
    assert features(before) == features(after)
    registry = (pair.after.home / "projects/flights/data/features/registry.db").read_bytes()
    assert str(pair.after.home).encode() in registry and str(pair.before.home).encode() not in registry


def features(answer: Any) -> dict[str, object]:
    """Value by name; Feast gives them in any order."""
    names = answer["metadata"]["feature_names"]
    return {name: one["values"] for name, one in zip(names, answer["results"], strict=True)}


def test_a_step_reads_the_secret_that_was_set_before(pair: Pair) -> None:
    made = ask(pair.after, pair.token, "/argo/api/v1/workflows/flights", json={"workflow": READS_SECRET})
    name = made["metadata"]["name"]

    def phase() -> str:
        found = ask(pair.after, pair.token, f"/argo/api/v1/workflows/flights/{name}")
        return str(found["status"].get("phase", ""))

    until(lambda: phase() in ("Succeeded", "Failed", "Error"), "the step's end")
    assert phase() == "Succeeded"


def test_logs_of_runs_and_the_line_of_the_restore_are_there(pair: Pair) -> None:
    runs = ask(pair.before, pair.token, "/api/v1/projects/flights/runs")["items"]
    name = runs[-1]["name"]
    said = pair.before.atrium("logs", name, "--project", "flights")
    assert said and pair.after.atrium("logs", name, "--project", "flights") == said
