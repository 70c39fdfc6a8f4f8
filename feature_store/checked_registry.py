"""The registry of a project's features as the shared feature server reads it: steps write the file, so it is checked at each reading.

Feast restores functions from a registry by unpickling them, and sources by importing the class that they name. Both would run what a
user wrote inside a process of the platform, so a registry that holds either is refused before Feast sees it.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from feast.infra.registry.file import FileRegistryStore
from feast.protos.feast.core.DataSource_pb2 import DataSource
from feast.protos.feast.core.FeatureView_pb2 import FeatureView
from feast.protos.feast.core.Registry_pb2 import Registry
from feast.utils import _utc_now
from google.protobuf.message import DecodeError, Message

from atrium.errors import Forbidden, Invalid
from feature_store.confined import require_inside

SOURCES = {DataSource.BATCH_FILE: "FileSource", DataSource.PUSH_SOURCE: "PushSource"}
CLASSES = {"", "feast.infra.offline_stores.file_source.FileSource", "feast.data_source.PushSource"}
CODE = {"feast.core.UserDefinedFunction", "feast.core.UserDefinedFunctionV2", "feast.core.SubstraitTransformationV2",
        "feast.core.GEValidationProfiler", "feast.core.OnDemandFeatureView"}  # fmt: skip
TABLES = {"feast.infra.online_stores.sqlite.SqliteTable"}
RECORD = "feast.core.FeatureViewVersionRecord"


class TransformationRefused(Forbidden):
    """The registry holds users' code, which a shared server does not load."""


class RegistryInvalid(Invalid):
    """The registry's file cannot be read."""


def _refused(what: str) -> TransformationRefused:
    return TransformationRefused(
        f"a registry with {what}", f"the shared feature server loads no code of users; sources are {', '.join(SOURCES.values())}",
        "compute the feature in a pipeline, write it to a dataset, and materialise that",
    )  # fmt: skip


def refuse_code(message: Message) -> None:
    """Passes if nothing in a registry's message makes Feast run or import what a user named. Raises `TransformationRefused`."""
    kind = message.DESCRIPTOR.full_name
    if kind in CODE:
        raise _refused(f"a transformation or profiler ({kind.rpartition('.')[2]})")
    if isinstance(message, DataSource) and (
        message.type not in SOURCES or message.data_source_class_type not in CLASSES
    ):
        raise _refused(
            f"source {message.name!r} of class {message.data_source_class_type or DataSource.SourceType.Name(message.type)}"
        )
    named = getattr(message, "infra_object_class_type", "")
    if named and named not in TABLES:
        raise _refused(f"an object of class {named}")
    if kind == RECORD:
        _refuse_old_code(message)
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for part in _parts(field, value):
                refuse_code(part)


def _refuse_old_code(record: Any) -> None:
    if record.feature_view_type != "feature_view":
        raise _refused(f"a former {record.feature_view_type}")
    former = FeatureView()
    former.ParseFromString(record.feature_view_proto)
    refuse_code(former)


def _parts(field: Any, value: Any) -> list[Message]:
    values = value.values() if hasattr(value, "values") and not isinstance(value, Message) else value
    found = [value] if isinstance(value, Message) else list(values)
    return [one for one in found if isinstance(one, Message)]


class CheckedRegistryStore(FileRegistryStore):
    """Feast's registry file, inside the project's data folder and without users' code."""

    @property
    def _data(self) -> Path:
        return Path(self._filepath).parent.parent

    def get_registry_proto(self) -> Registry:
        """The registry. Raises `TransformationRefused`, `RegistryInvalid`, `OutsideProject`, FileNotFoundError."""
        require_inside([self._filepath], self._data)
        found = Registry()
        try:
            found.ParseFromString(Path(self._filepath).read_bytes())
            refuse_code(found)
        except DecodeError:
            raise RegistryInvalid(
                f"registry {self._filepath}", "it must be what feast apply wrote", "remove the file and apply again"
            ) from None
        return found

    def _write_registry(self, registry_proto: Registry) -> None:
        """Replaces the file at once: readers see the former or the new one, and a link in its place is not followed."""
        require_inside([Path(self._filepath).parent], self._data)
        registry_proto.last_updated.FromDatetime(_utc_now())
        folder = Path(self._filepath).parent
        handle, fresh = tempfile.mkstemp(dir=folder, prefix=".registry-")
        with os.fdopen(handle, "wb") as file:
            file.write(registry_proto.SerializeToString())
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._filepath)
