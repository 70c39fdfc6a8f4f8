"""Features: what the project's registry holds, their newest values, and those of the past."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from atrium.identity import Actor, Verb, require
from feature_store.backends import FeastServer, Features
from feature_store.models import Answer, FeaturesRefused

MOST_SAMPLE_ROWS = 1000


def _backend(who: Actor, verb: Verb, project: str) -> Features:
    require(who, verb, project)
    return FeastServer(who, project)


def registry(who: Actor, project: str) -> Mapping[str, Any]:
    """`entities`, `feature_views` and `feature_services` of the project, each a list of dicts.

    Raises:
        Forbidden; FeaturesMissing: nothing is defined yet; BackEndUnavailable.
    """
    return _backend(who, Verb.READ, project).registry()


def read_online(
    who: Actor, project: str, service: str, entities: Mapping[str, Sequence[object]]
) -> dict[str, list[Any]]:
    """The newest values of a feature service, a list by name, one value an entity row. Raises `Forbidden`, `FeaturesRefused`."""
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
