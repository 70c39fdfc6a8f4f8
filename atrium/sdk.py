"""What a step, or a script with a token, needs of the platform: its data folder and the REST of the front door."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from atrium.errors import AtriumError, Invalid

PATIENCE_SECONDS = 180.0


class PlatformRefused(AtriumError):
    """The platform refused a request; the message is its own."""


def _needed(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise Invalid(
            f"environment variable {name}", "it is set inside a step", f"run this in a pipeline, or set {name}"
        )
    return value


@dataclass(frozen=True)
class Platform:
    """The platform as one project's step sees it."""

    url: str
    project: str
    token: str
    data: Path

    @classmethod
    def of_step(cls) -> "Platform":
        """The platform that runs this step, from its environment. Raises `Invalid` outside of one."""
        token = Path(_needed("ATRIUM_TOKEN_FILE")).read_text()
        return cls(_needed("ATRIUM_URL"), _needed("ATRIUM_PROJECT"), token, Path(_needed("ATRIUM_DATA")))

    def dataset(self, name: str) -> Path:
        """Folder of the Delta table that is dataset `name`."""
        return self.data / "datasets" / name

    def request(self, method: str, path: str, body: object = None, **query: str) -> Any:
        """Asks the front door; returns the JSON of the answer. Waits 180 seconds at most.

        Raises:
            PlatformRefused: with the answer's own message.
        """
        headers = {"Authorization": f"Bearer {self.token}"}
        response = httpx.request(
            method, self.url + path, json=body, params=query, headers=headers, timeout=PATIENCE_SECONDS
        )
        if response.is_success:
            return response.json() if response.content else None
        said = response.json() if "json" in response.headers.get("content-type", "") else {"asked": response.text[:300]}
        raise PlatformRefused(
            said.get("asked") or str(said.get("error") or said), said.get("allowed", f"status {response.status_code}"),
            said.get("next_step", "see the logs"),
        )  # fmt: skip

    def deploy(self, service: str, model: str, version: str) -> Any:
        """Puts a model version into service and waits until the platform itself got a good answer from it."""
        path = f"/api/v1/projects/{self.project}/services/{service}"
        return self.request("PUT", path, {"model": model, "version": version}, wait_seconds="120")

    def materialize(self, start: str, end: str, views: list[str]) -> None:
        """Brings feature views' newest values within the time range into the online store."""
        body = {"start_ts": start, "end_ts": end, "feature_views": views}
        self.request("POST", f"/feast/{self.project}/materialize", body)
