"""What steps leave in a project's data folder leads the platform's processes nowhere else, and makes them run nothing."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

import tenancy
from atrium.home import get_home
from atrium.identity import Actor, platform_actor
from feature_store import DatasetNotFound, get_dataset, list_datasets, preview
from feature_store.checked_registry import TransformationRefused
from feature_store.confined import OutsideProject
from feature_store.repository import shared_configuration, write_repository
from feature_store.worker import mend

pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = pd.DataFrame({"key": ["a"], "event_timestamp": [pd.Timestamp("2024-01-01", tz="UTC")], "value": [1.0]})


@pytest.fixture
def who(own_home: Path) -> Actor:
    actor = platform_actor("test")
    for project in ("flights", "digits"):
        tenancy.create_project(actor, project)
    return actor


def write(project: str, name: str) -> Path:
    from deltalake import write_deltalake

    path = get_home().data(project) / "datasets" / name
    write_deltalake(str(path), ROWS)
    return path


def apply(project: str, path: Path, *more: object) -> None:
    """What a step does: it applies definitions with the repository's own settings."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.data_format import DeltaFormat
    from feast.types import Float32

    key = Entity(name="key", join_keys=["key"], value_type=ValueType.STRING)
    source = FileSource(name="values", path=str(path), file_format=DeltaFormat(), timestamp_field="event_timestamp")
    view = FeatureView(
        name="values", entities=[key], ttl=timedelta(days=1), schema=[Field(name="value", dtype=Float32)], source=source
    )
    FeatureStore(repo_path=str(write_repository(project, get_home().data(project)))).apply([key, view, *more])


def opened(project: str) -> "object":
    from feast import FeatureStore

    return FeatureStore(config=shared_configuration(project, get_home().data(project)))


def values(project: str) -> list[float]:
    entities = ROWS[["key", "event_timestamp"]]
    return list(opened(project).get_historical_features(entities, ["values:value"]).to_df()["value"])  # type: ignore[attr-defined]


def test_a_table_of_the_project_is_read(who: Actor) -> None:
    apply("flights", write("flights", "values"))
    assert values("flights") == [1.0]
    mend("flights")
    assert [one.name for one in list_datasets(who, "flights")] == ["values"]


def test_a_feature_view_on_another_projects_table_is_refused(who: Actor) -> None:
    apply("flights", write("digits", "values"))
    with pytest.raises(OutsideProject, match="digits"):
        values("flights")


def test_a_dataset_that_is_a_link_to_another_projects_is_refused(who: Actor) -> None:
    link = get_home().data("flights") / "datasets" / "stolen"
    link.parent.mkdir()
    link.symlink_to(write("digits", "values"))
    with pytest.raises((OutsideProject, DatasetNotFound)):
        preview(who, "flights", "stolen")


def test_a_tables_file_that_is_a_link_is_refused(who: Actor) -> None:
    mine, other = write("flights", "values"), write("digits", "values")
    file = next(mine.glob("*.parquet"))
    file.unlink()
    file.symlink_to(next(other.glob("*.parquet")))
    with pytest.raises(OutsideProject):
        get_dataset(who, "flights", "values")


def test_an_online_store_that_is_a_link_is_refused(who: Actor) -> None:
    apply("flights", write("flights", "values"))
    online = get_home().data("flights") / "features" / "online.db"
    online.unlink(missing_ok=True)
    online.symlink_to(get_home().database)
    with pytest.raises(OutsideProject):
        opened("flights")


def test_a_registry_with_a_users_function_is_refused_before_it_is_loaded(who: Actor, tmp_path: Path) -> None:
    from feast import Field, RequestSource
    from feast.on_demand_feature_view import on_demand_feature_view
    from feast.types import Float64

    asked = RequestSource(name="asked", schema=[Field(name="number", dtype=Float64)])

    @on_demand_feature_view(sources=[asked], schema=[Field(name="twice", dtype=Float64)])
    def twice(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"twice": inputs["number"] * 2})

    apply("flights", write("flights", "values"), twice)
    with pytest.raises(TransformationRefused, match="loads no code"):
        opened("flights").list_feature_views()  # type: ignore[attr-defined]
