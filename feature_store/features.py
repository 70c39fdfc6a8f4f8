"""Features: what the project's registry holds, their newest values, and those of the past."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from atrium.identity import Actor, Verb, require
from feature_store.backends import FeastServer, Features
from feature_store.datasets import distinct_values
from feature_store.models import Answer, FeaturesRefused, OnlineValue, QueryInvalid
from feature_store.tables import folder_of, newest_version

MOST_SAMPLE_ROWS, MOST_ENTITIES = 1000, 200


def _backend(who: Actor, verb: Verb, project: str) -> Features:
    require(who, verb, project)
    return FeastServer(who, project)


def registry(who: Actor, project: str) -> Mapping[str, Any]:
    """`entities`, `feature_views` and `feature_services` of the project, each a list of dicts.

    Raises:
        Forbidden; FeaturesMissing: nothing is defined yet; BackEndUnavailable.
    """
    return _backend(who, Verb.READ, project).registry()


def entity_values(who: Actor, project: str, service: str) -> dict[str, list[Any]]:
    """The entities that a feature service can be asked for: by join key at most 200 of its values in the datasets that the views read.

    A key's list is empty where its views read no dataset of the project, or one too big to be looked through.

    Raises:
        Forbidden, FeaturesMissing; FeaturesRefused: no such service.
    """
    found = registry(who, project)
    asked = next((one for one in found["feature_services"] if one["name"] == service), None)
    if asked is None:
        known = ", ".join(one["name"] for one in found["feature_services"])
        raise FeaturesRefused(f"feature service {service!r}", f"there are {known}", "name one of these")
    values: dict[str, set[Any]] = {}
    for view in found["feature_views"]:
        if view["name"] in asked["views"]:
            for key in view["join_keys"]:
                values.setdefault(key, set()).update(_values_of(who, project, view["source"], key))
    return {
        key: sorted(values[key], key=lambda one: (isinstance(one, str), one))[:MOST_ENTITIES] for key in sorted(values)
    }


def _values_of(who: Actor, project: str, source: str, key: str) -> list[Any]:
    path = Path(source.removeprefix("file://"))
    if path.parent != folder_of(project) or newest_version(project, path.name) is None:
        return []
    try:
        return distinct_values(who, project, path.name, key, MOST_ENTITIES)
    except QueryInvalid:  # too big to be looked through while somebody waits: its keys are typed
        return []


def read_online(
    who: Actor, project: str, service: str, entities: Mapping[str, Sequence[object]]
) -> dict[str, list[OnlineValue]]:
    """The newest values of a feature service, a list by name, one an entity row. Raises `Forbidden`, `FeaturesRefused`."""
    return _backend(who, Verb.USE, project).read_online(service, entities)


def materialize(who: Actor, project: str, views: Sequence[str], end: datetime, days: float = 3) -> None:
    """Brings views' newest values within some days before `end` into the online store. Raises `Forbidden`, `FeaturesRefused`."""
    _backend(who, Verb.WRITE, project).materialize(views, end - timedelta(days=days), end)


def point_in_time_sample(who: Actor, project: str, service: str, rows: Sequence[Mapping[str, object]]) -> Answer:
    """What a feature service's features were at moments of the past, a row each; at most 1,000 rows.

    Each row holds the entities' join keys and `event_timestamp` (ISO 8601). A value is the newest that was known at that moment,
    None where there was none within the view's time to live. Raises `Forbidden`, `FeaturesRefused`, `FeaturesMissing`.
    """
    backend = _backend(who, Verb.USE, project)
    if not 1 <= len(rows) <= MOST_SAMPLE_ROWS:
        raise FeaturesRefused(
            f"{len(rows)} rows", f"1 to {MOST_SAMPLE_ROWS} rows are looked up at once", "send fewer or more"
        )
    return backend.read_past(service, rows)
