"""Waiting until what was applied answers, and why it does not, by the same reasons that are told of steps."""

import time
from collections.abc import Callable, Iterator

from app.deploying.kubectl import Json, items, tried

POLL_SECONDS = 2.0
LAST_LINES = 6


def ready(deployment: Json) -> bool:
    """Whether all its pods are of its newest revision and answer."""
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return bool(seen and status.get("updatedReplicas", 0) == wanted and status.get("readyReplicas", 0) == wanted)


def wait_for(namespace: str, name: str, seconds: float, tell: Callable[[str], None]) -> bool:
    """Waits until a Deployment is ready; tells why it is not, whenever that changes. False where the time is over."""
    due, told = time.monotonic() + seconds, ""
    while True:
        [deployment] = items("deployment", name, "-n", namespace)
        if ready(deployment):
            return True
        why = "; ".join(reasons(deployment)) or "its pods start"
        if why != told:
            tell(f"{name}: {why}")
            told = why
        if time.monotonic() > due:
            return False
        time.sleep(POLL_SECONDS)


def wait_until_gone(removed: Json, seconds: float) -> bool:
    """Waits until a type, or the pods of a Deployment, are gone: what is installed anew must not meet them. False where the time is over."""
    if removed["kind"] == "Deployment":
        words = ["pods", "-n", removed["metadata"]["namespace"], "-l", _selector(removed)]
    elif removed["kind"] == "CustomResourceDefinition":
        words = ["customresourcedefinition", removed["metadata"]["name"]]
    else:
        return True
    due = time.monotonic() + seconds
    while items(*words):
        if time.monotonic() > due:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _selector(deployment: Json) -> str:
    return ",".join(f"{key}={value}" for key, value in deployment["spec"]["selector"]["matchLabels"].items())


def reasons(deployment: Json) -> Iterator[str]:
    """Why a Deployment's pods are not all there and ready."""
    namespace = deployment["metadata"]["namespace"]
    for one in (deployment.get("status") or {}).get("conditions") or []:
        if one["type"] == "ReplicaFailure" and one["status"] == "True":
            yield str(one.get("message"))
    events = items("events", "-n", namespace, "--sort-by=.lastTimestamp")
    for pod in items("pods", "-n", namespace, "-l", _selector(deployment)):
        if not pod["metadata"].get("deletionTimestamp"):
            yield from _of_pod(pod, _about(pod, events))


def pod_reasons(pod: Json) -> Iterator[str]:
    """Why a pod waits or fell."""
    yield from _of_pod(
        pod, _about(pod, items("events", "-n", pod["metadata"]["namespace"], "--sort-by=.lastTimestamp"))
    )


def _about(pod: Json, events: list[Json]) -> list[Json]:
    return [one for one in events if one["involvedObject"].get("name") == pod["metadata"]["name"]]


def _of_pod(pod: Json, events: list[Json]) -> Iterator[str]:
    from workflows import explain_pod  # takes a second to import, which other commands need not wait for

    name = pod["metadata"]["name"]
    ended = [
        one
        for one in (pod.get("status") or {}).get("containerStatuses") or []
        if one.get("restartCount") and not one.get("ready")
    ]
    for one in ended:
        yield f"{name} ended {one['restartCount']} times; its last words: {last_words(pod['metadata']['namespace'], name)}"
    if not ended:
        yield from (f"{one.cause}: {one.said}" for one in explain_pod(name, "", pod, events))


def last_words(namespace: str, pod: str) -> str:
    """The last lines that a pod wrote, or its container before the last restart."""
    for more in ([], ["--previous"]):
        made = tried("logs", pod, "-n", namespace, f"--tail={LAST_LINES}", *more)
        if made.returncode == 0 and made.stdout.strip() and "unable to retrieve container logs" not in made.stdout:
            return made.stdout.strip()
    return "none"
