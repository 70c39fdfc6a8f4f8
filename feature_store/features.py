"""Features: what the project's registry holds, and their newest values, asked of the feature server."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx

from atrium.errors import Invalid
from atrium.identity import Actor, Verb, require
from atrium.rpc import client, reaching
from feature_store.models import DatasetNotFound

MATERIALIZE_SECONDS = 120.0


class FeaturesMissing(DatasetNotFound):
    """The project has no feature definitions yet."""


class FeaturesRefused(Invalid):
    """The feature server refused a request."""


def _ask(who: Actor, method: str, project: str, path: str, body: object = None, seconds: float = 20.0) -> Any:
    with reaching("feast"), client("feast", who, seconds) as http:
        response = http.request(method, f"/{project}/{path}", json=body)
    if response.is_success:
        return response.json() if response.content else None
    said = response.json() if "json" in response.headers.get("content-type", "") else {"asked": response.text[:300]}
    kind = FeaturesMissing if response.status_code == httpx.codes.NOT_FOUND else FeaturesRefused
    asked = str(said.get("asked") or said.get("detail") or said)
    raise kind(asked, str(said.get("allowed", "the registry's names")), str(said.get("next_step", "see the features")))


def registry(who: Actor, project: str) -> Mapping[str, Any]:
    """`entities`, `feature_views` and `feature_services` of the project, each a list of dicts.

    Raises:
        Forbidden; FeaturesMissing: nothing is defined yet; BackEndUnavailable.
    """
    require(who, Verb.READ, project)
    found: Mapping[str, Any] = _ask(who, "GET", project, "registry")
    return found


def read_online(
    who: Actor, project: str, service: str, entities: Mapping[str, Sequence[object]]
) -> dict[str, list[Any]]:
    """The newest values of a feature service, a list by name, one value an entity row. Raises `Forbidden`, `FeaturesRefused`."""
    require(who, Verb.USE, project)
    found = _ask(who, "POST", project, "get-online-features", {"feature_service": service, "entities": dict(entities)})
    names = found["metadata"]["feature_names"]
    return {name: column["values"] for name, column in zip(names, found["results"], strict=True)}


def materialize(who: Actor, project: str, views: Sequence[str], end: datetime, days: float = 3) -> None:
    """Brings views' newest values within some days before `end` into the online store. Raises `Forbidden`, `FeaturesRefused`."""
    require(who, Verb.WRITE, project)
    start = end - timedelta(days=days)
    body = {"start_ts": start.isoformat(), "end_ts": end.isoformat(), "feature_views": list(views)}
    _ask(who, "POST", project, "materialize", body, MATERIALIZE_SECONDS)
