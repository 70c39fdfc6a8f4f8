"""A project's Feast repository at another place: its registry names files by their whole path."""

import os
from pathlib import Path
from typing import Any

RECORD = "feast.core.FeatureViewVersionRecord"


def move_repository(folder: Path, before: str, after: str) -> None:
    """Changes paths under the folder `before` to ones under `after` in the registry of the repository in `folder`.

    The settings beside it are written anew by whoever opens the repository next. A registry that cannot be read stays as it is, and is
    told of when it is opened.
    """
    from feast.protos.feast.core.Registry_pb2 import Registry
    from google.protobuf.message import DecodeError

    path = folder / "registry.db"
    if not path.exists():
        return
    found = Registry()
    try:
        found.ParseFromString(path.read_bytes())
    except DecodeError:
        return
    _move(found, before, after)
    fresh = path.with_name(".registry-moved")
    fresh.write_bytes(found.SerializeToString())
    os.replace(fresh, path)


def _move(message: Any, before: str, after: str) -> None:
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING and not field.is_repeated and _under(value, before):
            setattr(message, field.name, value.replace(before, after, 1))
        elif field.type == field.TYPE_MESSAGE:
            for part in _parts(value):
                _move(part, before, after)
    if message.DESCRIPTOR.full_name == RECORD:  # a former view, kept as bytes
        _move_record(message, before, after)


def _move_record(record: Any, before: str, after: str) -> None:
    from feast.protos.feast.core.FeatureView_pb2 import FeatureView

    former = FeatureView()
    former.ParseFromString(record.feature_view_proto)
    _move(former, before, after)
    record.feature_view_proto = former.SerializeToString()


def _under(value: str, before: str) -> bool:
    return value.removeprefix("file://").startswith(f"{before}/")


def _parts(value: Any) -> list[Any]:
    if hasattr(value, "DESCRIPTOR"):
        return [value]
    values = value.values() if hasattr(value, "values") else value
    return [one for one in values if hasattr(one, "DESCRIPTOR")]
