"""Two replicas on one PostgreSQL: two gates, two REST applications, two workers. Of each pair one is killed.

Slow for its seven processes: nothing smaller shows that real workers of two homes share one ledger.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from postgres import Postgres
from small_platform import CHECKOUT, PASSWORD, Small, until
from sqlalchemy import select
from two_homes import Replicas, two_homes

import monitoring
import tenancy
import workflows
from atrium.clock import now
from atrium.database import reading, writing
from atrium.home import Home
from atrium.identity import IDENTITY_HEADER, platform_actor
from monitoring.replicas import leads
from tenancy.gate.judge import cookie_name
from workflows.backends.argo import ArgoBackend
from workflows.models import Overlap, ScheduleRow, SlotRow, SlotState

pytestmark = pytest.mark.timeout(900)
PIPELINES = [f"p{number}" for number in range(8)]
MANIFEST = "kind: Workflow\nspec: {entrypoint: main, templates: [{name: main, suspend: {}}]}\n"


@pytest.fixture(scope="module")
def replicas(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    with two_homes(postgres, tmp_path_factory) as made:
        yield made


def _at(small: Small, program: str) -> httpx.Client:
    """Asks one replica's process over its socket, as its front door does."""
    transport = httpx.HTTPTransport(uds=str(small.home / "run" / f"{program}.sock"))
    return httpx.Client(transport=transport, base_url=f"http://localhost:{small.port}", timeout=60)


def _who(small: Small, cookie: str) -> str:
    """The name that this replica's gate and REST application know a session by."""
    with _at(small, "gate") as gate, _at(small, "api") as api:
        judged = gate.get("/auth/check/api/v1/me", headers={"Cookie": f"{cookie_name()}={cookie}"})
        assert judged.status_code == 200, judged.text
        answer = api.get("/api/v1/me", headers={IDENTITY_HEADER: judged.headers[IDENTITY_HEADER]})
    return str(answer.json()["name"])


def _sign_in(small: Small) -> str:
    with _at(small, "gate") as gate:
        form = {"name": "ada", "password": PASSWORD, "next": "/app/"}
        answer = gate.post("/auth/login", data=form, headers={"Origin": f"http://localhost:{small.port}"})
        assert answer.status_code == 303, answer.text
        return str(answer.cookies[cookie_name()])


def _schedule_all_for_the_last_minute() -> None:
    """One slot of each pipeline is due."""
    ada, due = tenancy.actor_of_session(tenancy.sign_in("ada", PASSWORD, "here")), now() - timedelta(minutes=1)
    for name in PIPELINES:
        workflows.save_pipeline(ada, "flights", name, MANIFEST)
        workflows.set_schedule(ada, "flights", name, f"{due.minute} {due.hour} * * *", overlap=Overlap.ALLOW)
    with writing() as session:
        for row in session.scalars(select(ScheduleRow)):
            row.looked_at = due - timedelta(minutes=1)


def _slots() -> dict[str, str]:
    """State of each slot's run, by its name."""
    with reading() as session:
        return {row.run: row.state for row in session.scalars(select(SlotRow))}


def test_no_slot_is_lost_or_started_twice_when_one_of_two_workers_is_killed(replicas: Replicas) -> None:
    for small in (replicas.first, replicas.second):
        replicas.start_worker(small)
    _schedule_all_for_the_last_minute()
    until(lambda: SlotState.STARTED in _slots().values(), "the first slot's run")
    replicas.first.kill("app.worker")
    until(lambda: list(_slots().values()) == [SlotState.STARTED] * len(PIPELINES), f"a run for each of {PIPELINES}")
    runs = ArgoBackend(platform_actor("test"), "flights").call("GET", "workflows/flights")["items"]
    assert sorted(one["metadata"]["name"] for one in runs) == sorted(_slots())
    until(
        lambda: len(workflows.list_runs(platform_actor("test"), "flights").items) == len(PIPELINES), "their summaries"
    )
    replicas.second.kill("app.worker")


def test_a_session_of_one_replica_is_one_of_the_other_and_outlives_it(replicas: Replicas) -> None:
    cookie = _sign_in(replicas.first)
    assert (_who(replicas.first, cookie), _who(replicas.second, cookie)) == ("ada", "ada")
    for program in ("tenancy.gate", "app.rest"):
        replicas.first.kill(program)
    assert _who(replicas.second, cookie) == "ada"
    again = _sign_in(replicas.second)
    for program in ("tenancy.gate", "app.rest"):
        replicas.first.start(program)
    assert _who(replicas.first, again) == "ada"


def test_a_secret_sealed_by_one_replica_opens_at_the_other(replicas: Replicas) -> None:
    code = "import tenancy; print(tenancy.read_secrets('flights')['word'])"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=replicas.second.environment,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "swordfish"


def test_each_home_tells_of_its_own_components_and_one_worker_judges_for_all(replicas: Replicas) -> None:
    for small in (replicas.first, replicas.second):
        if "app.worker" not in small.processes:
            replicas.start_worker(small)
    notes = [Home(one.home).run / "replica" for one in (replicas.first, replicas.second)]
    until(lambda: all(one.exists() and one.read_text() for one in notes), "both workers' first look")
    first, second = (one.read_text() for one in notes)

    def seen() -> set[str]:
        return {one.name for one in monitoring.list_components(platform_actor("test"))}

    until(lambda: {"gate", f"gate@{second}"} <= seen(), "the components of both homes")
    gate = {one.name: one for one in monitoring.list_components(platform_actor("test")) if one.name.startswith("gate")}
    assert len(gate) == 2 and first != second
    assert str(monitoring.why(platform_actor("test"), "", f"component/gate@{second}").because).startswith(
        f"Component gate@{second}"
    )
    with reading() as session:
        assert leads(session, now()) is (first < second)


def test_two_that_make_the_tables_at_once_agree(postgres: Postgres, tmp_path: Path) -> None:
    address = postgres.address(postgres.database())
    code = "from app.migrate import upgrade, present_revision; upgrade(); print(present_revision())"
    started = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir(mode=0o700)
        environment = {**os.environ, "ATRIUM_HOME": str(tmp_path / name), "ATRIUM_DATABASE_URL": address}
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", code], env=environment, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
            )
        )
    said = {one.communicate(timeout=300)[0].strip() for one in started}
    assert [one.returncode for one in started] == [0, 0] and len(said) == 1
