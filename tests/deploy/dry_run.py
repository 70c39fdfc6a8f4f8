"""Server-side dry run of manifests on the real API server, with the real custom resources."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml
from cluster_platform import PATIENCE_SECONDS, kubectl

CRDS = Path(os.environ.get("ATRIUM_TEST_ASSETS") or Path(__file__).parents[3] / "shared") / "crds"
SPACE = "default"  # a namespace that is there, for objects of one that is not made yet


def refused(one: dict[str, object]) -> str:
    """What the API server says against an object, unknown fields too; empty where it takes it. Nothing is kept."""
    metadata = dict(one["metadata"])  # type: ignore[call-overload]
    if "namespace" in metadata:
        metadata["namespace"] = SPACE
    flags = ("--server-side", "--dry-run=server", "--validate=strict", "--field-manager=tests", "--force-conflicts")
    command = ["kubectl", "apply", *flags, "-f", "-"]
    given = json.dumps({**one, "metadata": metadata})
    made = subprocess.run(command, input=given, capture_output=True, text=True, timeout=180)
    return made.stderr.strip() if made.returncode else ""


def until_established(name: str) -> None:
    """Until the API server takes objects of that type."""
    due = time.monotonic() + PATIENCE_SECONDS
    held = '"status":"True","type":"Established"'
    while held not in kubectl("get", "customresourcedefinition", name, "-o", "jsonpath={.status}"):
        assert time.monotonic() < due, name
        time.sleep(0.3)


def delete_types(names: Sequence[str]) -> None:
    """Deletes custom resources and waits until they are gone; kubectl's own wait may miss the end and hang."""
    if not names:
        return
    kubectl("delete", "customresourcedefinition", *names, "--wait=false")
    due = time.monotonic() + PATIENCE_SECONDS
    while left := kubectl("get", "customresourcedefinition", *names, "-o", "name", "--ignore-not-found").split():
        assert time.monotonic() < due, left
        time.sleep(0.3)


@contextmanager
def schema_of(file: str, kind: str) -> Iterator[str]:
    """The apiVersion of a copy of that kind's type under a group of its own: for types of which the cluster has a laxer one."""
    found = next(
        one for one in yaml.safe_load_all((CRDS / file).read_text()) if one and one["spec"]["names"]["kind"] == kind
    )
    spec = {**found["spec"], "group": "tried.atrium.io", "names": {**found["spec"]["names"], "shortNames": []}}
    name = f"{spec['names']['plural']}.{spec['group']}"
    made = {"apiVersion": found["apiVersion"], "kind": found["kind"], "metadata": {"name": name}, "spec": spec}
    kubectl("apply", "--server-side", "-f", "-", given=json.dumps(made))
    try:
        until_established(name)
        yield f"{spec['group']}/{spec['versions'][0]['name']}"
    finally:
        delete_types([name])


@contextmanager
def custom_resources(file: str) -> Iterator[None]:
    """The types of that file on the cluster; those that were not there before are gone afterwards."""
    names = [one["metadata"]["name"] for one in yaml.safe_load_all((CRDS / file).read_text()) if one]
    there = kubectl("get", "customresourcedefinitions", "-o", "jsonpath={.items[*].metadata.name}").split()
    kubectl("apply", "--server-side", "-f", str(CRDS / file))
    for name in names:
        until_established(name)
    try:
        yield
    finally:
        delete_types(sorted(set(names) - set(there)))
