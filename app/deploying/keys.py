"""Secrets that a cluster keeps beside the platform: made once where they are missing, never changed, never shown but the first password."""

import base64
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from app.deploying.found import Argo
from app.deploying.kubectl import Json, apply, items, kubectl
from atrium.clock import now
from atrium.errors import Unavailable
from atrium.keys import MAKERS

NAMESPACE, PASSWORD, METRICS, WORD_BYTES = "atrium-system", "atrium-admin", "atrium-metrics", 18
HOME = "/var/lib/atrium"  # of the platform's container
TOKEN_LIFE = timedelta(days=366)
COPIED = {"atrium.io/copied-to-projects": "true"}


def _postgres() -> dict[str, str]:
    word = secrets.token_urlsafe(WORD_BYTES)
    return {"password": word, "url": f"postgresql+psycopg://atrium:{word}@atrium-postgres:5432/atrium"}


def _seaweedfs() -> dict[str, str]:
    key, word = f"atrium-{secrets.token_hex(4)}", secrets.token_urlsafe(WORD_BYTES)
    may = [f"{verb}:atrium" for verb in ("Read", "Write", "List", "Tagging")]
    one = {"name": "atrium", "credentials": [{"accessKey": key, "secretKey": word}], "actions": may}
    lines = ("[default]", f"aws_access_key_id = {key}", f"aws_secret_access_key = {word}", "")
    return {"keys": "\n".join(lines), "identities": json.dumps({"identities": [one]})}


def _redis() -> dict[str, str]:
    word = secrets.token_urlsafe(WORD_BYTES)
    return {"password": word, "url": f"redis://:{word}@atrium-redis:6379/0"}


def _keys() -> dict[str, bytes]:
    """Keys of the platform that is there, so that its tokens and secrets hold at every replica; new ones where there is none."""
    there = next(iter(items("deployment", "atrium", "-n", NAMESPACE)), None)
    if there is None:
        return {name: make() for name, make in MAKERS.items()}
    if not (there.get("status") or {}).get("readyReplicas"):
        raise KeysOutOfReach(
            f"the keys of the platform in namespace {NAMESPACE}",
            "it must run, for replicas take over its keys",
            "bring it up as it was (cluster-up tells what it waits for); one that never ran may be deleted",
        )
    words = ("exec", "-n", NAMESPACE, "deployment/atrium", "-c", "atrium", "--", "base64", "-w0")
    return {name: base64.b64decode(kubectl(*words, f"{HOME}/keys/{name}")) for name in MAKERS}


class KeysOutOfReach(Unavailable):
    """A platform that is there does not run, so that its keys cannot be taken over."""


MADE: dict[str, Callable[[], Mapping[str, str | bytes]]] = {
    "atrium-postgres": _postgres, "atrium-seaweedfs": _seaweedfs, "atrium-redis": _redis, "atrium-keys": _keys,
}  # fmt: skip


def copy_artifact_keys(argo: Argo) -> None:
    """Keeps the keys of Argo's artifact store beside the platform, which gives each project a copy. Raises `ClusterSaidNo`."""
    for name in argo.secrets:
        for one in items("secret", name, "-n", argo.namespace):
            metadata = {"name": name, "namespace": NAMESPACE, "labels": COPIED}
            apply(
                [{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": one["type"], "data": one["data"]}]
            )


def make_keys(objects: Sequence[Json]) -> str | None:
    """Makes the secrets that `objects` mount and the first password, where they are missing; returns a password made now.

    Raises:
        ClusterSaidNo, KeysOutOfReach.
    """
    make_mounted(objects)
    if items("secret", PASSWORD, "-n", NAMESPACE):
        return None
    password = secrets.token_urlsafe(WORD_BYTES)
    _create(PASSWORD, {"password": password})
    return password


def make_mounted(objects: Sequence[Json]) -> None:
    """Makes the secrets that `objects` mount, where they are missing. Raises `ClusterSaidNo`, `KeysOutOfReach`."""
    wanted = {name: made for name, made in MADE.items() if name in mounted(objects)}
    for name, made in wanted.items():
        if not items("secret", name, "-n", NAMESPACE):
            _create(name, made())


def make_metrics_token() -> None:
    """Makes the secret with which Prometheus reads /metrics, by the platform that runs; anew in the second half of its life. Raises `ClusterSaidNo`."""
    for one in items("secret", METRICS, "-n", NAMESPACE):
        if now() - datetime.fromisoformat(one["metadata"]["creationTimestamp"]) < TOKEN_LIFE / 2:
            return
        kubectl("delete", "secret", METRICS, "-n", NAMESPACE)
    words = ("atrium", "token", "create", METRICS, "--administrator", "--days", str(TOKEN_LIFE.days))
    made = kubectl("exec", "-n", NAMESPACE, "deployment/atrium", "--", *words).strip()
    _create(METRICS, {"token": made})


def mounted(objects: Sequence[Json]) -> set[str]:
    """Names of the secrets that Deployments among `objects` mount."""
    pods = [one["spec"]["template"]["spec"] for one in objects if one["kind"] == "Deployment"]
    volumes = [one for pod in pods for one in pod.get("volumes") or []]
    return {one["secret"]["secretName"] for one in volumes if "secret" in one}


def _create(name: str, values: Mapping[str, str | bytes]) -> None:
    plain = {key: value.encode() if isinstance(value, str) else value for key, value in values.items()}
    data = {key: base64.b64encode(value).decode() for key, value in plain.items()}
    metadata = {"name": name, "namespace": NAMESPACE}
    kubectl(
        "create",
        "-f",
        "-",
        given=json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}),
    )
