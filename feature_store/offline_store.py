"""Feast's offline store on DuckDB's ASOF JOIN, over Parquet files and Delta tables.

For each row of the entity table and each feature view the join finds the newest feature row that was known at the row's time:
event timestamp not after it, and not older than the view's time to live (both ends included, as Feast has it). Among rows of one
event timestamp the one created last holds. Named in `feature_store.yaml` as `type: feature_store.offline_store.AsofOfflineStore`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import duckdb
import pandas as pd
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
from feast.data_format import DeltaFormat
from feast.data_source import DataSource
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL, FeatureView
from feast.infra.offline_stores.file_source import FileSource, SavedDatasetFileStorage
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.infra.offline_stores.offline_utils import get_expected_join_keys, infer_event_timestamp_from_entity_df
from feast.infra.registry.base_registry import BaseRegistry
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from feast.saved_dataset import SavedDatasetStorage
from feast.utils import _get_requested_feature_views_to_features_dict

from atrium.errors import Invalid
from feature_store.confined import open_delta, require_inside

ROW, AT = "__row", "__at"


class SourceNotFile(Invalid):
    """A feature view's source is no file or Delta table."""


class AsofOfflineStoreConfig(FeastConfigBaseModel):
    """Settings of the store in `feature_store.yaml`. `within` is the folder outside of which it reads and writes nothing."""

    type: Literal["feature_store.offline_store.AsofOfflineStore"] = "feature_store.offline_store.AsofOfflineStore"
    within: Path | None = None


@dataclass(frozen=True)
class Place:
    """Where sources lie: paths are relative to `repository`, and none may lead out of `within`."""

    repository: Path | None
    within: Path | None

    @classmethod
    def of(cls, config: RepoConfig) -> "Place":
        """As a repository's configuration says."""
        return cls(Path(config.repo_path) if config.repo_path else None, getattr(config.offline_store, "within", None))

    def path(self, source: DataSource) -> Path:
        """The absolute path of a source's file or folder. Raises `SourceNotFile`, `OutsideProject`."""
        if not isinstance(source, FileSource):
            raise SourceNotFile(
                f"source {source.name!r} of kind {type(source).__name__}",
                "this store reads FileSource",
                "use Parquet or Delta",
            )
        path = Path(source.path.removeprefix("file://"))
        path = path if path.is_absolute() or not self.repository else self.repository / path
        if self.within:
            require_inside([source.path.removeprefix("file://") if "://" in source.path else path], self.within)
        return path


class AsofJob(RetrievalJob):
    """A query that runs when its result is asked for."""

    def __init__(
        self,
        query: Callable[[], pyarrow.Table],
        full_feature_names: bool = False,
        metadata: RetrievalMetadata | None = None,
        on_demand: Sequence[OnDemandFeatureView] = (),
    ) -> None:
        self._query, self._full, self._metadata, self._on_demand = query, full_feature_names, metadata, list(on_demand)

    @property
    def full_feature_names(self) -> bool:
        """Whether columns are named `view__feature`."""
        return self._full

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """Transformations that Feast applies to the result, in the process that asks."""
        return self._on_demand

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        frame: pd.DataFrame = self._query().to_pandas()
        return frame

    def _to_arrow_internal(self, timeout: int | None = None) -> pyarrow.Table:
        return self._query()

    def persist(self, storage: SavedDatasetStorage, allow_overwrite: bool = False, timeout: int | None = None) -> None:
        """Writes the result as a Parquet file. Raises FileExistsError where it is there and may not be replaced."""
        assert isinstance(storage, SavedDatasetFileStorage)  # noqa: S101  Feast chooses it by the store
        path = Path(storage.file_options.uri)
        if path.exists() and not allow_overwrite:
            raise FileExistsError(f"{path} exists; pass allow_overwrite=True to replace it")
        pyarrow.parquet.write_table(self._query(), path)

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """Features, keys and times that were asked for."""
        return self._metadata


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(moment: datetime) -> str:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"TIMESTAMPTZ '{aware.astimezone(UTC).isoformat()}'"


def connect() -> "duckdb.DuckDBPyConnection":
    """A DuckDB connection of its own, in UTC."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    return connection


def _alias(view: Any) -> str:
    return str(view.projection.name_to_use())


def _source(view: Any) -> FileSource:
    source: FileSource = view.batch_source
    return source


def _register(connection: "duckdb.DuckDBPyConnection", source: DataSource, name: str, place: Place) -> None:
    """Makes the source's rows known under `name`, its timestamps as moments in UTC."""
    path = place.path(source)
    if isinstance(getattr(source, "file_format", None), DeltaFormat):
        connection.register(f"{name}_raw", open_delta(path, place.within).to_pyarrow_dataset())
    else:
        files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
        if place.within:
            require_inside(files, place.within)
        connection.register(f"{name}_raw", pyarrow.dataset.dataset([str(one) for one in files], format="parquet"))
    stamps = [source.timestamp_field, *([source.created_timestamp_column] if source.created_timestamp_column else [])]
    casts = ", ".join(f"CAST({_identifier(one)} AS TIMESTAMPTZ) AS {_identifier(one)}" for one in stamps)
    connection.execute(f"CREATE VIEW {name} AS SELECT * REPLACE ({casts}) FROM {name}_raw")


def _asof(
    view: FeatureView,
    place: str,
    features: list[str],
    entities: str,
    names: dict[str, str],
    keys: list[tuple[str, str]],
) -> str:
    """The query that gives, for each `__row`, the view's features as known at `__at`."""
    source = _source(view)
    stamp, created = _identifier(source.timestamp_field), source.created_timestamp_column
    mapping = {column: feature for feature, column in (source.field_mapping or {}).items()}
    values = {names[one]: f"f.{_identifier(mapping.get(one, one))}" for one in features}
    keys = [(left, mapping.get(right, right)) for left, right in keys]
    if view.ttl and view.ttl.total_seconds() > 0:
        fresh = f"f.__t >= e.{AT} - INTERVAL '{view.ttl // timedelta(microseconds=1)} microseconds'"
        values = {name: f"CASE WHEN {fresh} THEN {value} END" for name, value in values.items()}
    columns = [f"{value} AS {_identifier(name)}" for name, value in values.items()]
    partition = ", ".join([*(_identifier(right) for _, right in keys), stamp])
    unique = f"SELECT *, {stamp} AS __t FROM {place}"
    if created:
        unique += (
            f" QUALIFY row_number() OVER (PARTITION BY {partition} ORDER BY {_identifier(created)} DESC NULLS LAST) = 1"
        )
    equal = " AND ".join(f"e.{_identifier(left)} = f.{_identifier(right)}" for left, right in keys)
    condition = f"{equal} AND e.{AT} >= f.__t" if equal else f"e.{AT} >= f.__t"
    return f"SELECT e.{ROW}, {', '.join(columns)} FROM {entities} e ASOF LEFT JOIN ({unique}) f ON {condition}"


class AsofOfflineStore(OfflineStore):
    """See the module."""

    @staticmethod
    def get_historical_features(
        config: RepoConfig, feature_views: list[FeatureView], feature_refs: list[str], entity_df: pd.DataFrame | str | None,
        registry: BaseRegistry, project: str, full_feature_names: bool = False, **kwargs: Any,
    ) -> RetrievalJob:  # fmt: skip
        """Point-in-time join of the views' features to the rows of `entity_df` (a table, or SQL that DuckDB runs).

        Raises:
            Invalid: no entity table, or no event timestamp in it; SourceNotFile.
        """
        if entity_df is None:
            raise Invalid("features without an entity table", "this store joins features to rows", "pass entity_df")
        entities = connect().sql(entity_df).df() if isinstance(entity_df, str) else entity_df
        schema = {str(name): kind for name, kind in entities.dtypes.items()}
        stamp = infer_event_timestamp_from_entity_df(schema)
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        views, _ = _get_requested_feature_views_to_features_dict(feature_refs, feature_views, on_demand)
        keys = sorted(get_expected_join_keys(project, feature_views, registry))
        moments = pd.to_datetime(entities[stamp], utc=True)
        metadata = RetrievalMetadata(feature_refs, keys, moments.min(), moments.max())

        def query() -> pyarrow.Table:
            return _joined(entities, stamp, views, full_feature_names, Place.of(config))

        return AsofJob(query, full_feature_names, metadata, on_demand)

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig, data_source: DataSource, join_key_columns: list[str], feature_name_columns: list[str],
        timestamp_field: str, created_timestamp_column: str | None, start_date: datetime, end_date: datetime, **_: Any,
    ) -> RetrievalJob:  # fmt: skip
        """The newest row of each key within the time range, both ends included."""
        order = ", ".join(f"{_identifier(one)} DESC" for one in (timestamp_field, created_timestamp_column) if one)
        keys = ", ".join(map(_identifier, join_key_columns)) or "1"
        tail = f" QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {order}) = 1"
        stamps = [timestamp_field, *([created_timestamp_column] if created_timestamp_column else [])]
        return _pull(
            config,
            data_source,
            [*join_key_columns, *feature_name_columns, *stamps],
            timestamp_field,
            start_date,
            end_date,
            tail,
        )

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig, data_source: DataSource, join_key_columns: list[str], feature_name_columns: list[str],
        timestamp_field: str, created_timestamp_column: str | None = None, start_date: datetime | None = None,
        end_date: datetime | None = None, **_: Any,
    ) -> RetrievalJob:  # fmt: skip
        """Every row within the time range, both ends included."""
        stamps = [timestamp_field, *([created_timestamp_column] if created_timestamp_column else [])]
        return _pull(
            config,
            data_source,
            [*join_key_columns, *feature_name_columns, *stamps],
            timestamp_field,
            start_date,
            end_date,
            "",
        )

    @staticmethod
    def offline_write_batch(
        config: RepoConfig, feature_view: FeatureView, table: pyarrow.Table, progress: Callable[[int], Any] | None
    ) -> None:
        """Appends rows to the view's Delta table, as a new version of it. Raises `SourceNotFile` for other sources."""
        source = feature_view.batch_source
        if not isinstance(source, FileSource) or not isinstance(source.file_format, DeltaFormat):
            raise SourceNotFile(
                f"rows for {feature_view.name!r}", "rows are appended to Delta tables", "use a Delta source"
            )
        from deltalake import write_deltalake

        place = Place.of(config)
        write_deltalake(open_delta(place.path(source), place.within), table, mode="append")
        if progress:
            progress(table.num_rows)


def _pull(config: RepoConfig, source: DataSource, columns: list[str], stamp: str,
          start: datetime | None, end: datetime | None, tail: str) -> RetrievalJob:  # fmt: skip
    bounds = [f"{_identifier(stamp)} >= {_literal(start)}"] if start else []
    bounds += [f"{_identifier(stamp)} <= {_literal(end)}"] if end else []
    where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
    shown = ", ".join(map(_identifier, dict.fromkeys(columns)))

    def query() -> pyarrow.Table:
        with connect() as connection:
            _register(connection, source, "rows_of_source", Place.of(config))
            dummy = f"*, '{DUMMY_ENTITY_VAL}' AS {DUMMY_ENTITY_ID}" if DUMMY_ENTITY_ID in columns else "*"
            return connection.sql(
                f"SELECT {shown} FROM (SELECT {dummy} FROM rows_of_source){where}{tail}"
            ).to_arrow_table()

    return AsofJob(query)


def _joined(entities: pd.DataFrame, stamp: str, views: dict[FeatureView, list[str]],
            full_names: bool, place: Place) -> pyarrow.Table:  # fmt: skip
    frame = entities.reset_index(drop=True)
    frame[ROW] = range(len(frame))
    frame[AT] = pd.to_datetime(frame[stamp], utc=True)
    with connect() as connection:
        connection.register("entities", frame)
        shown = ", ".join(f"entities.{_identifier(str(column))}" for column in entities.columns)
        joins, columns = [], []
        for number, (view, features) in enumerate(views.items()):
            _register(connection, _source(view), f"view_{number}", place)
            prefix = f"{_alias(view)}__" if full_names else ""
            names = {feature: prefix + feature for feature in features}
            mapped = view.projection.join_key_map
            keys = [
                (mapped.get(one.name, one.name), one.name) for one in view.entity_columns if one.name != DUMMY_ENTITY_ID
            ]
            joins.append(
                f"LEFT JOIN ({_asof(view, f'view_{number}', features, 'entities', names, keys)}) j{number} USING ({ROW})"
            )
            columns += [f"j{number}.{_identifier(name)}" for name in names.values()]
        query = f"SELECT {shown}, {', '.join(columns)} FROM entities {' '.join(joins)} ORDER BY {ROW}"
        return connection.sql(query).to_arrow_table()
