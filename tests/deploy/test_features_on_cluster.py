"""Newest values of features on the cluster: a step brings them online, they are in Redis, and answers come from there."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from cluster_platform import HERE, NAMESPACE, OVERLAY, PROJECT, REASON, There, ended, in_pod, kubectl, until

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.cluster,
    pytest.mark.skipif(not HERE, reason=REASON),
    pytest.mark.skipif(
        OVERLAY != "full", reason="Redis is there, and steps reach the project's data, where the overlay is full"
    ),
]
DEFINES = """
from datetime import timedelta
import pandas as pd
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.data_format import DeltaFormat
from feast.types import Int64
from atrium.sdk import Platform
from feature_store.repository import write_repository

platform, at = Platform.of_step(), pd.to_datetime(["2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"])
platform.write_dataset("prices", pd.DataFrame({"shop": ["a", "a"], "event_timestamp": at, "value": [1, 2]}))
shop = Entity(name="shop", join_keys=["shop"], value_type=ValueType.STRING)
path = str(platform.data / "datasets" / "prices")
source = FileSource(name="price", path=path, file_format=DeltaFormat(), timestamp_field="event_timestamp")
view = FeatureView(name="price", entities=[shop], ttl=timedelta(days=1), schema=[Field(name="value", dtype=Int64)], source=source)
store = FeatureStore(repo_path=str(write_repository(platform.project, platform.data)))
store.apply([shop, view, FeatureService(name="prices", features=[view])])
platform.materialize("2026-03-01T00:00:00+00:00", "2026-03-01T12:00:00+00:00", ["price"])
"""
WORKFLOW = {
    "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "features-"},
    "spec": {"entrypoint": "define", "templates": [{"name": "define", "container": {
        "image": "atrium/runtime:1", "imagePullPolicy": "IfNotPresent", "command": ["python", "-c", DEFINES]}}]},
}  # fmt: skip


def redis(*words: str) -> str:
    """What Redis answers, asked inside its own pod."""
    asked = 'REDISCLI_AUTH=$(cat /etc/atrium/redis/password) redis-cli --json "$@"'
    return kubectl("exec", "-n", NAMESPACE, "deployment/atrium-redis", "--", "sh", "-c", asked, "sh", *words)


def keys() -> list[str]:
    """The project's keys, as redis-cli escapes them."""
    return list(json.loads(redis("keys", f"*{PROJECT.replace('-', '_')}")))


def online(there: There) -> object:
    """The newest value of shop a, by Feast's own route at the door."""
    body = {"feature_service": "prices", "entities": {"shop": ["a"]}}
    with there.client() as client:
        answer = client.post(f"/feast/{PROJECT}/get-online-features", json=body)
    assert answer.status_code == httpx.codes.OK, answer.text
    found = answer.json()
    return found["results"][found["metadata"]["feature_names"].index("value")]["values"][0]


@pytest.fixture(scope="module")
def defined(there: There) -> None:
    """A step defined features and brought them online."""
    with there.client() as client:
        made = client.post(f"/argo/api/v1/workflows/{PROJECT}", json={"workflow": WORKFLOW}).json()["metadata"]["name"]
    assert ended(there, made)["phase"] == "Succeeded", in_pod("atrium", "logs", made, "--project", PROJECT)


@pytest.mark.usefixtures("defined")
def test_what_a_step_brings_online_is_in_redis_and_answered_from_there(there: There) -> None:
    assert len(keys()) == 1 and online(there) == 2
    redis("flushall")
    assert (keys(), online(there)) == ([], None)
    asked = {"end": datetime(2026, 3, 1, 10, 30, tzinfo=UTC).isoformat(), "days": 1}
    with there.client() as client:
        answer = client.post(f"/api/v1/projects/{PROJECT}/features/views/price/materialize", json=asked)
        assert answer.is_success, answer.text
    assert len(keys()) == 1 and online(there) == 1


@pytest.mark.usefixtures("defined")
def test_values_online_outlive_the_pod_of_redis_and_a_redis_that_is_gone_is_told(there: There) -> None:
    before = online(there)
    kubectl("scale", "deployment/atrium-redis", "-n", NAMESPACE, "--replicas=0")
    try:
        kubectl("wait", "pod", "-n", NAMESPACE, "-l", "app=atrium-redis", "--for=delete", "--timeout=120s")
        body = {"feature_service": "prices", "entities": {"shop": ["a"]}}
        with there.client() as client:
            answer = client.post(f"/feast/{PROJECT}/get-online-features", json=body)
        assert (answer.status_code, answer.json()["error"]) == (httpx.codes.SERVICE_UNAVAILABLE, "RedisSilent")
        assert "online features" in in_pod("sh", "-c", "atrium doctor || true")
    finally:
        kubectl("scale", "deployment/atrium-redis", "-n", NAMESPACE, "--replicas=1")
    kubectl("rollout", "status", "deployment/atrium-redis", "-n", NAMESPACE, "--timeout=170s")
    until(lambda: online(there) == before)
