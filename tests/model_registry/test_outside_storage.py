"""MLflow with its tables in a real PostgreSQL, beside ours, and its artifacts in a real S3."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.tracking import TrackingContract
from postgres import Postgres
from pyarrow.fs import FileSelector
from seaweed import SECRET, Seaweed, running_seaweed
from small_platform import Small, forget_settings, make_people, own_home_in

import tenancy
from app.checks import check_start
from app.doctor import Verdict, _object_store
from app.migrate import upgrade
from atrium.errors import SettingInvalid
from atrium.identity import Actor
from atrium.objects import ObjectStoreRefuses, ObjectStoreSilent, object_store
from atrium.rpc import client
from model_registry.backends import Experimenting, MlflowBackend

pytestmark = pytest.mark.timeout(600)
FILES = "/mlflow/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with running_seaweed(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture(scope="module")
def outside(postgres: Postgres, seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """A home whose state, tracking and artifacts are all elsewhere."""
    address = postgres.address(postgres.database())
    with own_home_in(tmp_path_factory.mktemp("o"), ATRIUM_DATABASE_URL=address, **seaweed.settings("atrium")) as small:
        upgrade()
        make_people(small)
        small.start("model_registry.server")
        yield small


class TestMlflowOutside(TrackingContract):
    """The same contract as on files."""

    @pytest.fixture
    def tracking(self, outside: Small) -> Experimenting:
        return MlflowBackend(tenancy.actor_of_token(outside.token), "digits")

    def test_our_tables_and_mlflows_stand_apart_and_the_home_has_no_database(
        self, outside: Small, postgres: Postgres
    ) -> None:
        from sqlalchemy import inspect

        from atrium.database import engine

        assert {"experiments", "alembic_version"} <= set(inspect(engine()).get_table_names("mlflow"))
        assert "experiments" not in inspect(engine()).get_table_names("public")
        assert not list(outside.home.glob("*.db"))


def _ask(who: Actor, method: str, path: str, **more: object) -> object:
    with client("mlflow", who, 60) as http:
        answer = http.request(method, path, headers={"x-mlflow-workspace": "flights"}, **more)  # type: ignore[arg-type]
    assert answer.is_success, answer.text
    return answer


def test_a_runs_files_are_kept_listed_read_and_deleted_in_the_bucket(outside: Small, seaweed: Seaweed) -> None:
    who = tenancy.actor_of_token(outside.token)
    made = MlflowBackend(who, "flights").change("POST", "experiments/create", name="files")
    run = MlflowBackend(who, "flights").change("POST", "runs/create", experiment_id=made["experiment_id"], start_time=1)
    info = run["run"]["info"]
    inside = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    data = os.urandom(9 * 1024 * 1024)  # more than one piece
    for name in ("model/weights.bin", "ein bild.txt"):
        _ask(who, "PUT", f"{FILES}/{inside}/{name}", content=data)
    listed = MlflowBackend(who, "flights").artifacts(info["run_id"], "")
    assert sorted((one.path, one.is_dir) for one in listed) == [("ein bild.txt", False), ("model", True)]
    assert _ask(who, "GET", f"{FILES}/{inside}/model/weights.bin").content == data  # type: ignore[attr-defined]
    kept = [
        one.path
        for one in seaweed.files().get_file_info(FileSelector("atrium/ours/mlflow", recursive=True))
        if one.size
    ]
    assert sorted(Path(one).name for one in kept) == ["ein bild.txt", "weights.bin"]
    assert not [path for path in (outside.home / "artifacts").rglob("*") if path.is_file()]
    _ask(who, "DELETE", f"{FILES}/{inside}/model")
    assert [one.path for one in MlflowBackend(who, "flights").artifacts(info["run_id"], "")] == ["ein bild.txt"]


@pytest.mark.parametrize(
    ("user", "bucket", "secret"),
    [("reader", "atrium", SECRET), ("atrium", "nowhere", SECRET), ("atrium", "atrium", "wrong")],
)
def test_a_bucket_that_denies_is_told_before_anything_starts(
    own_home: Path, seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch, user: str, bucket: str, secret: str
) -> None:  # fmt: skip
    for name, value in seaweed.settings(user, bucket, secret).items():
        monkeypatch.setenv(name, value)
    forget_settings()
    with pytest.raises(ObjectStoreRefuses, match=f"writing in s3://{bucket}/ours at {seaweed.endpoint} is denied"):
        check_start()
    assert _object_store().verdict is Verdict.BAD
    forget_settings()


def test_a_store_that_is_silent_and_keys_that_cannot_be_read_are_told_apart(
    own_home: Path, seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in seaweed.settings("atrium").items():
        monkeypatch.setenv(name, value)
    forget_settings()
    store = object_store()
    assert store is not None
    store.check()
    monkeypatch.setenv("ATRIUM_OBJECT_STORE_ENDPOINT", "http://127.0.0.1:9")
    forget_settings()
    silent = object_store()
    assert silent is not None
    with pytest.raises(ObjectStoreSilent, match=r"127\.0\.0\.1:9 failed"):
        silent.check()
    (tmp_path / "keys").write_text("a-secret-without-a-section")
    monkeypatch.setenv("ATRIUM_OBJECT_STORE_URL_FILE", str(tmp_path / "keys"))
    forget_settings()
    with pytest.raises(SettingInvalid, match="cannot be read as keys") as told:
        object_store()
    assert "a-secret" not in str(told.value)
    forget_settings()
