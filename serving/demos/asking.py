"""What a demo asks: its model through the front door, and the feature store, with the demo's own rights."""

import json
import math
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

import tenancy
from atrium import rpc
from atrium.errors import Unavailable
from atrium.identity import Actor, Kind, Role
from atrium.names import model_name
from atrium.settings import get_settings
from serving.demos.fields import form_of
from serving.models import DemoView, RowsRefused, ServiceView
from serving.rows import columns_of, from_tensors, may_be_missing, to_tensors

ASK_SECONDS = 15.0
REFUSED, FORGOTTEN = 400, (401, 403)


class DemoCannotAsk(Unavailable):
    """The demo got no answer from its model."""


class Asker:
    """Asks for one demo, with a content token of the demo's own that names its project and nothing else."""

    def __init__(self, demo: DemoView, service: ServiceView) -> None:
        self.demo, self.service, self.form = demo, service, form_of(service)
        self.item = f"demo {demo.name}"
        self._token = ""
        self._lock = threading.Lock()
        self._client = httpx.Client(base_url=get_settings().local_url, timeout=ASK_SECONDS, trust_env=False)

    def _headers(self, fresh: bool) -> dict[str, str]:
        with self._lock:
            if fresh or not self._token:
                self._token = tenancy.issue_content_token(self.demo.published_by, self.demo.project, self.item)
            return {"Authorization": f"Bearer {self._token}"}

    def width(self, name: str) -> int:
        """How many values one row of the input `name` holds."""
        shapes = {column["name"]: column["shape"] for column in columns_of(self.service.signature)}
        return math.prod(int(one) for one in shapes[name])

    def predict(self, row: Mapping[str, object]) -> dict[str, Any]:
        """The model's outputs for one row.

        Raises:
            RowsRefused: names the input, what it takes, the next step; DemoCannotAsk: the model did not answer.
        """
        body = json.dumps({"inputs": to_tensors(self.service.signature, [row], may_be_missing(self.service.metadata))})
        path = f"/v2/models/{model_name(self.demo.project, self.service.name)}/infer"
        try:
            answer = self._client.post(path, content=body, headers=self._headers(fresh=False))
            if answer.status_code in FORGOTTEN:
                answer = self._client.post(path, content=body, headers=self._headers(fresh=True))
        except httpx.TransportError as error:
            raise self._cannot(str(error) or type(error).__name__) from error
        if answer.status_code == REFUSED:
            raise refusal(_said(answer))
        if not answer.is_success:
            raise self._cannot(f"status {answer.status_code}: {_said(answer)}")
        return dict(from_tensors(answer.json())[0])

    def _cannot(self, problem: str) -> DemoCannotAsk:
        return DemoCannotAsk(
            f"service {self.service.name!r}", f"it did not answer ({problem})", "try again in a minute"
        )

    def look_up(self, keys: Mapping[str, object]) -> tuple[dict[str, float], datetime | None]:
        """The newest values of the form's feature service for some entity keys, and the newest of their moments.

        What the store lacks is left out.

        Raises:
            Unavailable: the feature store does not answer.
        """
        body = {
            "feature_service": self.form.feature_service,
            "entities": {name: [value] for name, value in keys.items()},
        }
        who = Actor(self.item, Kind.CONTENT, {self.demo.project: Role.VIEWER})
        with rpc.reaching("feast"), rpc.client("feast", who) as client:
            answer = client.post(f"/{self.demo.project}/get-online-features", json=body)
        if not answer.is_success:
            raise self._cannot(f"feature store, status {answer.status_code}")
        found = answer.json()
        names = [str(name).rsplit("__", 1)[-1] for name in found["metadata"]["feature_names"]]
        values = [result["values"][0] for result in found["results"]]
        held = {
            name: (float(value), datetime.fromisoformat(result["event_timestamps"][0]))
            for name, value, result in zip(names, values, found["results"], strict=True)
            if isinstance(value, int | float) and math.isfinite(value)
        }
        moments = [moment for _, moment in held.values()]
        return {name: value for name, (value, _) in held.items()}, max(moments, default=None)

    def close(self) -> None:
        """Ends the demo's token."""
        self._client.close()
        tenancy.end_content_tokens(self.demo.project, self.item)


def _said(response: httpx.Response) -> str:
    try:
        return str(response.json().get("error", response.text))[:500]
    except ValueError:
        return response.text[:500]


def refusal(text: str) -> RowsRefused:
    """The model's own refusal, in three parts."""
    asked, _, rest = text.partition(": ")
    allowed, _, step = rest.partition(". Next: ")
    return RowsRefused(asked, allowed or "the model takes other values", step.rstrip(".") or "change it and try again")
