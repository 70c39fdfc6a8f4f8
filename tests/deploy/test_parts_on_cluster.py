"""One part alone on the cluster: upgraded, removed, installed again; refused where something needs it or would be lost."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cluster_platform import (
    HERE,
    NAMESPACE,
    OVERLAY,
    PROJECT,
    REASON,
    There,
    cluster_up,
    forwarded,
    in_pod,
    kubectl,
    until,
    until_ready,
    wait_for_door,
)
from dry_run import CRDS
from support import ATRIUM

from app.deploying.kubectl import MANAGER
from app.deploying.parts import COMPONENTS, composed

pytestmark = [pytest.mark.timeout(1500), pytest.mark.cluster, pytest.mark.skipif(not HERE, reason=REASON)]
full = pytest.mark.skipif(OVERLAY != "full", reason="Redis is a part of the overlay full")


def refused(*words: str) -> str:
    """What cluster-up says where it refuses."""
    made = subprocess.run([ATRIUM, "cluster-up", *words], capture_output=True, text=True, timeout=300)
    assert made.returncode != 0, made.stdout
    return made.stderr


def shown(kind: str, name: str, path: str) -> str:
    return kubectl("get", kind, name, "-n", NAMESPACE, "--ignore-not-found", "-o", f"jsonpath={path}")


def pods() -> str:
    return kubectl("get", "pods", "-n", NAMESPACE, "-l", "app=atrium", "-o", "jsonpath={.items[*].metadata.uid}")


@pytest.mark.parametrize(
    ("part", "told"),
    [("postgres", "the platform's state"), ("seaweedfs", "artifacts of runs and models"), ("argo-workflows", "runs its pipelines"),
     ("project-roles", PROJECT), pytest.param("shared-data", "the projects' datasets", marks=full), ("nothing", "there are platform, project-roles")],
)  # fmt: skip
def test_a_part_that_something_needs_is_not_removed(there: There, part: str, told: str) -> None:
    assert told in refused("--remove", part)
    assert shown("deployment", "atrium-postgres", "{.metadata.name}") == "atrium-postgres"


@full
def test_a_part_is_upgraded_alone_after_its_plan(there: There) -> None:
    [older] = [
        one for one in composed("full", ()) if (one["kind"], one["metadata"]["name"]) == ("Deployment", "atrium-redis")
    ]
    [container] = older["spec"]["template"]["spec"]["containers"]
    wanted, container["image"] = container["image"], "redis:7.0"
    kubectl("apply", "--server-side", f"--field-manager={MANAGER}", "-f", "-", given=json.dumps(older))
    before = pods()
    plan = cluster_up("--part", "redis", "--plan", overlay="full")
    assert (
        f'"redis:7.0" → "{wanted}"' in plan
        and "(its pods restart)" in plan
        and "keep    Deployment atrium-system/atrium\n" in plan
    )
    assert shown("deployment", "atrium-redis", "{..image}") == "redis:7.0"
    cluster_up("--part", "redis", overlay="full")
    assert shown("deployment", "atrium-redis", "{..image}") == wanted
    assert pods() == before


@full
@pytest.mark.cluster_long
def test_a_part_is_removed_and_installed_again_and_what_it_kept_is_there(there: There) -> None:
    inside = "ATRIUM_REDIS_URL_FILE"
    plan = cluster_up("--remove", "redis", "--plan", overlay="full")
    assert "remove  Deployment atrium-system/atrium-redis" in plan and f"env[{inside}]" in plan
    assert "stays   PersistentVolumeClaim atrium-system/atrium-redis" in plan and inside in shown(
        "deployment", "atrium", "{..env}"
    )
    cluster_up("--remove", "redis", overlay="full")
    assert shown("deployment", "atrium-redis", "{.metadata.name}") == "" and inside not in shown(
        "deployment", "atrium", "{..env}"
    )
    assert shown("persistentvolumeclaim", "atrium-redis", "{.status.phase}") == "Bound"
    assert "SQLite" in in_pod("sh", "-c", "atrium doctor || true")
    assert "Nothing of redis is there" in cluster_up("--remove", "redis", overlay="full")
    cluster_up("--part", "redis", overlay="minimal")  # of which it is no part: the component alone
    assert "atrium-redis:6379/0 answers" in in_pod("sh", "-c", "atrium doctor || true")
    said = cluster_up("--plan", overlay="full")
    kept, every = said.rpartition("keep")[2].split("objects")[0].split("of")
    assert int(kept) == int(every), said
    with forwarded() as url:
        wait_for_door(url)


def test_the_platform_alone_stays_as_it_is(there: There) -> None:
    assert "  change  " not in cluster_up("--part", "platform", "--plan")


HOLDERS = ("seaweedfs", "postgres", "shared-data")
FILE = f"/var/lib/atrium/projects/{PROJECT}/data/kept-apart.txt"


@contextmanager
def again(there: There) -> Iterator[There]:
    """The platform as it is now, once every component answers."""
    with forwarded() as url:
        found = There(url, there.admin, there.tokens)
        until_ready(found)
        with found.client() as client:  # the last of its components to come up
            until(lambda: client.get("/mlflow/api/2.0/mlflow/experiments/search?max_results=1").is_success)
        yield found


def kept(there: There) -> dict[str, Any]:
    """What the platform shows of its database, its object store and the projects' data."""
    with there.client() as client:
        runs = client.get(f"/api/v1/projects/{PROJECT}/runs").json()["items"]
        found = client.get("/mlflow/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": "apart"})
        stored = client.get(f"/mlflow/api/2.0/mlflow-artifacts/artifacts/{artifact_of(found.json()['experiment'])}")
    return {"runs": [one["name"] for one in runs], "artifact": stored.text, "file": in_pod("cat", FILE)}


def artifact_of(experiment: dict[str, str]) -> str:
    return f"{experiment['artifact_location'].partition('mlflow-artifacts:')[2].strip('/')}/kept.txt"


def keep_something(there: There) -> None:
    """An artifact in the object store and a file in the projects' data; the database has runs."""
    in_pod("sh", "-c", f"echo kept as a file > {FILE}")
    api = "/mlflow/api/2.0"
    with there.client() as client:
        client.post(f"{api}/mlflow/experiments/create", json={"name": "apart"})
        found = client.get(f"{api}/mlflow/experiments/get-by-name", params={"experiment_name": "apart"}).json()
        path = artifact_of(found["experiment"])
        assert client.put(f"{api}/mlflow-artifacts/artifacts/{path}", content=b"kept as an artifact").is_success


@full
def test_an_argo_that_is_there_is_planned_alone_and_not_removed(there: There) -> None:
    releases = ("--releases", str(CRDS.parent / "manifests"))
    command = [ATRIUM, "cluster-up", "full", "--part", "argo-workflows", "--plan", *releases]
    made = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert "  create  " not in made.stdout
    assert made.returncode == 0 or 'conflict with "' in made.stderr  # what somebody else manages is told, never taken
    assert "runs its pipelines" in refused("--remove", "argo-workflows")


@full
@pytest.mark.cluster_long
def test_the_platform_and_each_part_that_keeps_its_data_go_and_come_again_alone(there: There) -> None:
    with again(there) as first:  # the pod that the others spoke to may be gone
        keep_something(first)
        before = kept(first)
    assert before["runs"] and before["artifact"] == "kept as an artifact"
    plan = cluster_up("--remove", "platform", "--plan", overlay="full")
    assert (
        f"remove  Deployment {NAMESPACE}/atrium " in plan
        and f"stays   PersistentVolumeClaim {NAMESPACE}/atrium-home" in plan
    )
    said_before = refused("minimal")
    cluster_up("--remove", "platform", overlay="full")
    assert "workflows" in refused("--remove", "argo-workflows")  # the platform is gone, what ran there is not
    for part in HOLDERS:
        said = cluster_up("--remove", part, overlay="full")
        assert f"stays   PersistentVolumeClaim {NAMESPACE}/{COMPONENTS[part].called}" in said
    assert (
        kubectl(
            "get", "pods", "-n", NAMESPACE, "-l", "app in (atrium, atrium-postgres, atrium-seaweedfs)", "-o", "name"
        )
        == ""
    )
    assert "another place for the projects' datasets" in said_before
    assert "needs postgres, seaweedfs" in refused("full", "--part", "platform")
    for part in HOLDERS:
        cluster_up("--part", part, overlay="full")
    refused("minimal", "--part", "platform", "--wait-seconds", "0")  # it is there, and has the projects' data elsewhere
    for words in (("full",), ("full", "--part", "platform"), ("full", "--part", "shared-data")):
        assert "another place for the projects' datasets" in refused(*words)
    cluster_up("--remove", "platform", overlay="full")
    cluster_up("--part", "platform", overlay="full")
    with again(there) as last:
        after = kept(last)
    assert after["runs"][-len(before["runs"]) :] == before["runs"]  # whatever a schedule has started since
    assert (after["artifact"], after["file"]) == (before["artifact"], before["file"])
    assert "  change  " not in (said := cluster_up("--plan", overlay="full")) and "  create  " not in said
