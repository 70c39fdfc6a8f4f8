"""The seam between features and what answers for them: one project's, asked as one person."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from feature_store.models import Answer, OnlineValue


class Features(Protocol):
    """A project's feature definitions, their newest values (online) and those of the past (offline).

    Each method raises `FeaturesMissing` where nothing is defined and `BackEndUnavailable` where nothing answers.
    """

    def registry(self) -> Mapping[str, Any]:
        """`entities`, `feature_views` and `feature_services`, each a list of dicts with at least a `name`."""

    def read_online(self, service: str, entities: Mapping[str, Sequence[object]]) -> dict[str, list[OnlineValue]]:
        """The newest values that were brought online with their event times, a list by feature and join key, one an entity row.

        Raises `FeaturesRefused`: no such service, or entities that do not fit it.
        """

    def read_past(self, service: str, rows: Sequence[Mapping[str, object]]) -> Answer:
        """What was known at each row's `event_timestamp`, never later: the rows with a column for each feature.

        Raises `FeaturesRefused`: no such service, or rows that do not fit it.
        """

    def materialize(self, views: Sequence[str], start: datetime, end: datetime) -> None:
        """Brings the newest values within a time range online, all views or none of their intervals noted.

        Raises `FeaturesRefused`: no such view.
        """
