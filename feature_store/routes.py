"""Datasets, features and lineage as REST."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, UploadFile
from pydantic import BaseModel, Field

from atrium.lineage import Lineage, Node, NodeKind, lineage_of
from atrium.pages import DEFAULT_ITEMS, Limit, Page
from atrium.web import Who
from feature_store import datasets, features, writes
from feature_store.models import Answer, DatasetState, DatasetView, VersionView

router = APIRouter(prefix="/api/v1/projects/{project}", tags=["data"])


class Column(BaseModel):
    """A column's name and type, as Delta Lake names it."""

    name: str
    type: str


class DatasetWhole(BaseModel):
    """A dataset with its columns and versions."""

    dataset: DatasetView
    columns: list[Column]
    versions: list[VersionView]


class Sql(BaseModel):
    """A read-only query over the project's datasets."""

    sql: str = Field(max_length=20_000)
    limit: int = Field(1000, ge=1, le=10_000)


class Written(BaseModel):
    """What a version that was just written came from."""

    sources: list[Node] = Field(default_factory=list, max_length=writes.MOST_SOURCES)


class Restore(BaseModel):
    """The version that shall be the newest again."""

    version: int = Field(ge=0)


class Entities(BaseModel):
    """Join keys with a list of values each, one an entity row."""

    entities: dict[str, list[str | int | float]]


class Moments(BaseModel):
    """Rows of join keys with an `event_timestamp` each."""

    rows: list[dict[str, str | int | float]] = Field(min_length=1, max_length=features.MOST_SAMPLE_ROWS)


class UpTo(BaseModel):
    """Until when values are brought online, from so many days before."""

    end: datetime
    days: float = Field(3, gt=0, le=3650)


@router.get("/datasets")
def list_datasets(
    who: Who, project: str, after: str | None = None, limit: Limit = DEFAULT_ITEMS, name: str = "", owner: str = "",
    state: DatasetState | None = None,
) -> Page[DatasetView]:  # fmt: skip
    """The project's datasets by name."""
    return datasets.list_datasets(who, project, after, limit, name, owner, state)


@router.get("/datasets/{name}")
def get_dataset(who: Who, project: str, name: str) -> DatasetWhole:
    """One dataset, with its columns and versions, newest first."""
    view, columns, versions = datasets.get_dataset(who, project, name)
    return DatasetWhole(dataset=view, columns=[Column(name=n, type=t) for n, t in columns], versions=versions)


@router.get("/datasets/{name}/rows")
def preview(
    who: Who, project: str, name: str, version: int | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Answer:
    """The first rows of a dataset, at a version."""
    return datasets.preview(who, project, name, version, limit)


@router.get("/datasets/{name}/profile")
def profile(who: Who, project: str, name: str) -> Answer:
    """Each column's type, bounds, distinct values, mean and share of missing ones."""
    return datasets.profile(who, project, name)


@router.put("/datasets/{name}")
def import_file(who: Who, project: str, name: str, file: UploadFile, append: bool = False) -> DatasetView:
    """Makes a dataset's next version from a CSV or Parquet file (multipart, field `file`)."""
    content = file.file.read(writes.LARGEST_UPLOAD_BYTES + 1)
    return writes.import_file(who, project, name, content, file.filename or "", append)


@router.post("/datasets/{name}/written")
def dataset_written(who: Who, project: str, name: str, body: Written) -> DatasetView:
    """Takes note of a version that the caller has written itself."""
    return writes.dataset_written(who, project, name, body.sources)


@router.post("/datasets/{name}/restore")
def restore(who: Who, project: str, name: str, body: Restore) -> DatasetView:
    """Makes an older version the newest one."""
    return writes.restore(who, project, name, body.version)


@router.get("/datasets/{name}/dependents")
def dataset_dependents(who: Who, project: str, name: str) -> list[Node]:
    """What was made from a dataset."""
    return writes.dataset_dependents(who, project, name)


@router.delete("/datasets/{name}", status_code=204)
def delete_dataset(who: Who, project: str, name: str) -> None:
    """Deletes a dataset with all its versions."""
    writes.delete_dataset(who, project, name)


@router.post("/query")
def query(who: Who, project: str, body: Sql) -> Answer:
    """Rows of a read-only query."""
    return datasets.query(who, project, body.sql, (), body.limit)


@router.get("/features")
def registry(who: Who, project: str) -> Mapping[str, Any]:
    """Entities, feature views and feature services."""
    return features.registry(who, project)


@router.post("/features/services/{service}/online")
def read_online(who: Who, project: str, service: str, body: Entities) -> dict[str, list[Any]]:
    """The newest values of a feature service, one an entity row."""
    found = features.read_online(who, project, service, body.entities)
    return {name: [one.value for one in values] for name, values in found.items()}


@router.post("/features/services/{service}/point-in-time")
def point_in_time_sample(who: Who, project: str, service: str, body: Moments) -> Answer:
    """The values of a feature service as they were known at each row's moment."""
    return features.point_in_time_sample(who, project, service, body.rows)


@router.post("/features/views/{view}/materialize", status_code=204)
def materialize(who: Who, project: str, view: str, body: UpTo) -> None:
    """Brings a feature view's newest values online."""
    features.materialize(who, project, [view], body.end, body.days)


@router.get("/lineage/{kind}/{name:path}")
def lineage(who: Who, project: str, kind: NodeKind, name: str, version: str = "") -> Lineage:
    """What a thing came from, and what came from it."""
    return lineage_of(who, project, Node(kind, name, version))
