"""Features over the feature server's REST: Feast's, for all projects from one process."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from atrium.identity import Actor
from atrium.rpc import client, reaching
from feature_store.models import Answer, FeaturesMissing, FeaturesRefused, FeaturesSilent, OnlineValue

READ_SECONDS, PAST_SECONDS, MATERIALIZE_SECONDS = 20.0, 60.0, 120.0


class FeastServer:
    """One project's features, asked as one person."""

    def __init__(self, who: Actor, project: str) -> None:
        self.who, self.project = who, project

    def _ask(self, method: str, path: str, body: object = None, seconds: float = READ_SECONDS) -> Any:
        with reaching("feast"), client("feast", self.who, seconds) as http:
            response = http.request(method, f"/{self.project}/{path}", json=body)
        if response.is_success:
            return response.json() if response.content else None
        said = _said(response)
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise FeaturesSilent(*(str(said.get(part, said)) for part in ("asked", "allowed", "next_step")))
        missing = response.status_code == httpx.codes.NOT_FOUND and said.get("error") == "FeaturesNotDefined"
        kind = FeaturesMissing if missing else FeaturesRefused
        asked = str(said.get("asked") or said.get("message") or said.get("detail") or said)
        raise kind(
            asked, str(said.get("allowed", "the registry's names")), str(said.get("next_step", "see the features"))
        )

    def registry(self) -> Mapping[str, Any]:
        """Asks the server's registry."""
        found: Mapping[str, Any] = self._ask("GET", "registry")
        return found

    def read_online(self, service: str, entities: Mapping[str, Sequence[object]]) -> dict[str, list[OnlineValue]]:
        """Asks Feast's own route."""
        found = self._ask("POST", "get-online-features", {"feature_service": service, "entities": dict(entities)})
        names = found["metadata"]["feature_names"]
        return {name: _column(one) for name, one in zip(names, found["results"], strict=True)}

    def read_past(self, service: str, rows: Sequence[Mapping[str, object]]) -> Answer:
        """Asks the server's route for moments of the past."""
        body = {"feature_service": service, "rows": [dict(row) for row in rows]}
        found = self._ask("POST", "get-historical-features", body, PAST_SECONDS)
        return Answer(found["columns"], [tuple(row) for row in found["rows"]], False)

    def materialize(self, views: Sequence[str], start: datetime, end: datetime) -> None:
        """Asks Feast's own route, which works until it is done."""
        body = {"start_ts": start.isoformat(), "end_ts": end.isoformat(), "feature_views": list(views)}
        self._ask("POST", "materialize", body, MATERIALIZE_SECONDS)


def _column(found: Mapping[str, Any]) -> list[OnlineValue]:
    """A column of Feast's answer; the beginning of 1970 stands for no event time, as for join keys."""
    moments = [datetime.fromisoformat(one) for one in found["event_timestamps"]]
    return [
        OnlineValue(value, moment.astimezone(UTC) if value is not None and moment.timestamp() else None)
        for value, moment in zip(found["values"], moments, strict=True)
    ]


def _said(response: httpx.Response) -> dict[str, Any]:
    """What the server says of a refusal: our own shape, or Feast's, which is JSON within a JSON text."""
    try:
        found = response.json()
        found = json.loads(found) if isinstance(found, str) else found
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"asked": response.text[:300]}
