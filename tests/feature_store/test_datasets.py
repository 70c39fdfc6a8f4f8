"""Datasets: uploads, versions, deletion, what lists say of them, and where they come from."""

import io
import shutil
from pathlib import Path

import httpx
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_platform import free_port

import feature_store
import tenancy
from atrium.errors import Forbidden, Invalid, NotFound, TooLarge
from atrium.home import get_home
from atrium.identity import Actor, Kind, Role, platform_actor
from atrium.lineage import Node, NodeKind, lineage_of
from atrium.sdk import Platform
from feature_store import DatasetState
from feature_store.worker import mend, mend_all

CSV = b"city,count\nOslo,1\nRiga,2\n"


@pytest.fixture
def who(own_home: Path) -> Actor:
    root = platform_actor("root")
    tenancy.create_project(root, "flights")
    return Actor("bob", Kind.TOKEN, {"flights": Role.ENGINEER})


def parquet(rows: int) -> bytes:
    file = io.BytesIO()
    pd.DataFrame({"city": ["Oslo"] * rows, "count": range(rows)}).to_parquet(file)
    return file.getvalue()


def write_silently(name: str, rows: int) -> Path:
    """What a step does that tells nobody."""
    from deltalake import write_deltalake

    path = get_home().data("flights") / "datasets" / name
    write_deltalake(str(path), pd.DataFrame({"x": range(rows)}), mode="overwrite")
    return path


def test_csv_and_parquet_become_versions_and_a_stock_client_reads_them(who: Actor) -> None:
    from deltalake import DeltaTable

    assert feature_store.import_file(who, "flights", "cities", CSV, "cities.csv").version == 0
    made = feature_store.import_file(who, "flights", "cities", parquet(5), "more.parquet", append=True)
    assert (made.version, made.rows, made.owner) == (1, 7, "bob")
    path = str(get_home().data("flights") / "datasets" / "cities")
    assert len(DeltaTable(path).to_pandas()) == 7
    assert len(DeltaTable(path, version=0).to_pandas()) == 2
    assert [one.version for one in feature_store.get_dataset(who, "flights", "cities")[2]] == [1, 0]
    assert len(feature_store.preview(who, "flights", "cities", 0).rows) == 2


def test_a_restored_version_is_a_new_one_with_the_old_rows(who: Actor) -> None:
    feature_store.import_file(who, "flights", "cities", CSV, "a.csv")
    feature_store.import_file(who, "flights", "cities", b"city,count\nBonn,9\n", "b.csv")
    assert feature_store.restore(who, "flights", "cities", 0).version == 2
    assert [row[0] for row in feature_store.preview(who, "flights", "cities").rows] == ["Oslo", "Riga"]
    with pytest.raises(Invalid, match="version 99"):
        feature_store.restore(who, "flights", "cities", 99)


def test_lists_follow_each_write_and_filter(who: Actor) -> None:
    for name in ("cities", "old-cities", "other"):
        feature_store.import_file(who, "flights", name, CSV, "a.csv")
    names = [
        one.name
        for one in feature_store.list_datasets(who, "flights", name="CIT", owner="bob", state=DatasetState.READY)
    ]
    assert names == ["cities", "old-cities"]
    assert feature_store.list_datasets(who, "flights", owner="eve").items == []
    feature_store.delete_dataset(who, "flights", "cities")
    assert [one.name for one in feature_store.list_datasets(who, "flights")] == ["old-cities", "other"]
    with pytest.raises(NotFound):
        feature_store.get_dataset(who, "flights", "cities")
    assert [line.action for line in tenancy.list_audit(platform_actor("root"), "flights", limit=2)] == [
        "dataset.delete",
        "dataset.import",
    ]


def test_what_nobody_told_is_listed_after_the_worker_looked(who: Actor) -> None:
    path = write_silently("silent", 3)
    assert feature_store.list_datasets(who, "flights").items == []
    mend_all()
    assert [(one.name, one.version, one.rows) for one in feature_store.list_datasets(who, "flights")] == [
        ("silent", 0, 3)
    ]
    write_silently("silent", 8)
    assert mend("flights") == 1
    assert mend("flights") == 0
    assert feature_store.list_datasets(who, "flights")[0].rows == 8
    shutil.rmtree(path)
    mend("flights")
    assert feature_store.list_datasets(who, "flights").items == []


def test_a_table_that_cannot_be_read_is_listed_with_the_reason_and_harms_no_other(who: Actor) -> None:
    log = write_silently("broken", 3) / "_delta_log" / f"{1:020}.json"
    log.write_text("no json")
    write_silently("good", 1)
    mend("flights")
    found = {one.name: one for one in feature_store.list_datasets(who, "flights")}
    assert found["good"].state is DatasetState.READY
    assert found["broken"].state is DatasetState.UNREADABLE and found["broken"].message


def test_a_dataset_that_leads_out_of_the_project_is_not_deleted_through_its_link(who: Actor, tmp_path: Path) -> None:
    outside = get_home().root / "elsewhere"
    (outside / "_delta_log").mkdir(parents=True)
    (outside / "precious").write_text("kept")
    folder = get_home().data("flights") / "datasets"
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    with pytest.raises(Forbidden):
        feature_store.delete_dataset(who, "flights", "link")
    for name in ("../datasets", "..", ".", ""):
        with pytest.raises((NotFound, Forbidden)):
            feature_store.delete_dataset(who, "flights", name)
    assert (outside / "precious").read_text() == "kept"


@pytest.mark.parametrize(
    ("name", "content", "file", "error"),
    [
        ("Cities", CSV, "a.csv", Invalid), ("../x", CSV, "a.csv", Invalid), ("cities", b"", "a.csv", Invalid),
        ("cities", b"a,b\n1,2\n3\n", "a.csv", Invalid), ("cities", b"PAR1 no parquet", "a.parquet", Invalid),
        ("cities", CSV, "a.xlsx", Invalid), ("cities", b"city\n", "a.csv", Invalid),
        ("cities", bytes(200 * 1024 * 1024 + 1), "a.csv", TooLarge), ("cities", "城市,数\n波恩,9\n".encode("gb18030"), "a.csv", Invalid),
        ("cities", b"a,a\n1,2\n", "a.csv", Invalid),
    ],
)  # fmt: skip
def test_a_bad_upload_is_refused_in_words_and_changes_nothing(
    who: Actor, name: str, content: bytes, file: str, error: type[Exception]
) -> None:
    feature_store.import_file(who, "flights", "cities", CSV, "a.csv")
    with pytest.raises(error):
        feature_store.import_file(who, "flights", name, content, file)
    assert [(one.name, one.version) for one in feature_store.list_datasets(who, "flights")] == [("cities", 0)]


def test_a_table_in_another_encoding_is_told_how_to_become_utf_8(who: Actor) -> None:
    with pytest.raises(Invalid, match="gb18030"):
        feature_store.import_file(who, "flights", "cities", "城市,数\n波恩,9\n".encode("gb18030"), "a.csv")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Ice sales 2025.csv", "ice-sales-2025"),
        ("a.b.parquet", "a-b"),
        ("城市.csv", ""),
        (f"{'x' * 29}-y.csv", "x" * 29),
    ],
)
def test_a_dataset_may_take_its_name_from_its_file(file: str, name: str) -> None:
    assert feature_store.name_of_file(file) == name


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), file=st.sampled_from(["a.csv", "a.parquet"]))
def test_whatever_is_uploaded_is_a_table_or_refused(who: Actor, content: bytes, file: str) -> None:
    try:
        made = feature_store.import_file(who, "flights", "any", content, file)
    except Invalid:
        return
    assert made.rows > 0


def test_a_viewer_reads_and_changes_nothing(who: Actor) -> None:
    feature_store.import_file(who, "flights", "cities", CSV, "a.csv")
    vic, eve = Actor("vic", Kind.TOKEN, {"flights": Role.VIEWER}), Actor("eve", Kind.TOKEN, {"digits": Role.ADMIN})
    assert feature_store.preview(vic, "flights", "cities").rows
    for change in (
        lambda: feature_store.import_file(vic, "flights", "cities", CSV, "a.csv"), lambda: feature_store.restore(vic, "flights", "cities", 0),
        lambda: feature_store.delete_dataset(vic, "flights", "cities"), lambda: feature_store.dataset_written(vic, "flights", "cities"),
        lambda: feature_store.list_datasets(eve, "flights"), lambda: feature_store.dataset_dependents(eve, "flights", "cities"),
        lambda: lineage_of(eve, "flights", Node(NodeKind.DATASET, "cities")),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            change()


def test_a_version_that_a_step_writes_names_its_person_and_its_run(who: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    tenancy.create_user(platform_actor("root"), "bob", "a long enough password")
    token = tenancy.issue_run_token("bob", "flights", "clean-abc")
    monkeypatch.setenv("ATRIUM_RUN", "clean-abc")
    step = Platform(f"http://127.0.0.1:{free_port()}", "flights", token, get_home().data("flights"))
    with pytest.raises(httpx.ConnectError):  # it is written, and says whose it is, though the platform cannot be told
        step.write_dataset("clean", pd.DataFrame({"x": [1]}))
    made = feature_store.get_dataset(who, "flights", "clean")[2][0]
    assert (made.version, made.by, made.run) == (0, "bob", "clean-abc")


def test_what_a_step_wrote_is_known_to_come_from_what_it_read(who: Actor) -> None:
    write_silently("raw", 3)
    write_silently("clean", 2)
    sources = [Node(NodeKind.SOURCE, "warehouse/raw"), Node(NodeKind.DATASET, "raw", "0")]
    assert feature_store.dataset_written(who, "flights", "clean", sources).rows == 2
    found = lineage_of(who, "flights", Node(NodeKind.DATASET, "clean", "0"))
    assert {edge.source for edge in found.upstream} == set(sources)
    assert feature_store.dataset_dependents(who, "flights", "raw") == [Node(NodeKind.DATASET, "clean", "0")]
    with pytest.raises(Invalid, match="kind service"):
        feature_store.dataset_written(who, "flights", "clean", [Node(NodeKind.SERVICE, "x")])
    feature_store.delete_dataset(who, "flights", "raw")
    assert [edge.source.name for edge in lineage_of(who, "flights", Node(NodeKind.DATASET, "clean")).upstream] == [
        "warehouse/raw"
    ]


@pytest.mark.parametrize("sql", ["", "  ", "-- a remark", ";"])
def test_a_query_without_a_statement_is_refused_in_words(who: Actor, sql: str) -> None:
    with pytest.raises(feature_store.QueryInvalid, match="a query without a statement"):
        feature_store.query(who, "flights", sql)


@pytest.mark.parametrize(
    ("sql", "allowed", "step"),
    [
        ("SELECT * FROM nowhere", 'datasets: "cities"', "name one of these"), ("SELEC 1", 'datasets: "cities"', "mend it where it says"),
        ("SELECT * FROM read_csv('/etc/passwd')", "no files, addresses or settings", "save the file as a dataset"),
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_run_is_told_what_can_and_what_to_do(
    who: Actor, sql: str, allowed: str, step: str
) -> None:
    feature_store.import_file(who, "flights", "cities", CSV, "cities.csv")
    with pytest.raises(feature_store.QueryInvalid) as told:
        feature_store.query(who, "flights", sql)
    assert (allowed in told.value.allowed, step in told.value.next_step) == (True, True), told.value
