"""One part alone on the cluster: upgraded, removed, installed again; refused where something needs it or would be lost."""

import json
import subprocess

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
    wait_for_door,
)
from support import ATRIUM

from app.deploying.kubectl import MANAGER
from app.deploying.parts import composed

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
     ("project-roles", PROJECT), ("nothing", "there are platform, project-roles")],
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
