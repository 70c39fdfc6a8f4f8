"""What a step, or a script with a token, needs of the platform: its data folder and the REST of the front door."""

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from atrium.errors import AtriumError, Invalid

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

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


def _named_by(token: str) -> dict[str, str]:
    """What a version's entry in its table's log says of who wrote it: the token's owner, and the run where there is one."""
    claims = token.split(".")[1]
    owner = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]
    run = os.environ.get("ATRIUM_RUN", "")
    return {"by": str(owner)} | ({"run": run} if run else {})


@dataclass(frozen=True)
class Platform:
    """The platform as one project's step sees it; `used` are the datasets and features that it has read so far."""

    url: str
    project: str
    token: str
    data: Path
    used: list[dict[str, str]] = field(default_factory=list, compare=False)

    @classmethod
    def of_step(cls) -> "Platform":
        """The platform that runs this step, from its environment. Raises `Invalid` outside of one."""
        token = Path(_needed("ATRIUM_TOKEN_FILE")).read_text()
        return cls(_needed("ATRIUM_URL"), _needed("ATRIUM_PROJECT"), token, Path(_needed("ATRIUM_DATA")))

    def dataset(self, name: str) -> Path:
        """Folder of the Delta table that is dataset `name`."""
        return self.data / "datasets" / name

    def read_dataset(self, name: str, version: int | None = None) -> "pd.DataFrame":
        """A dataset as a frame, at a version (None: the newest); what is written next is known to come from it, too.

        Raises:
            deltalake.exceptions.TableNotFoundError.
        """
        from deltalake import DeltaTable

        table = DeltaTable(str(self.dataset(name)), version=version)
        self.used.append({"kind": "dataset", "name": name, "version": str(table.version())})
        frame: pd.DataFrame = table.to_pandas()
        return frame

    def use_features(self, views: Sequence[str]) -> None:
        """Says that what is written next is made from these feature views too."""
        self.used.extend({"kind": "feature-view", "name": name} for name in views)

    def use_source(self, name: str) -> None:
        """Says that what is written next is made from a source outside the platform, like a file's or table's name."""
        self.used.append({"kind": "source", "name": name})

    def write_dataset(
        self,
        name: str,
        table: "pd.DataFrame | pa.Table",
        mode: str = "overwrite",
        made_from: Sequence[str] | None = None,
    ) -> int:
        """Writes a dataset's next version (`overwrite` or `append`) and tells the platform; returns the version.

        It is known to come from what was read or used so far: from what `made_from` names of it, or from all. Where the platform
        cannot be told, the data is written all the same, and lists show it seconds later. Raises `PlatformRefused`.
        """
        from deltalake import CommitProperties, write_deltalake

        options: dict[str, Any] = {"mode": mode} | ({"schema_mode": "overwrite"} if mode == "overwrite" else {})
        options["commit_properties"] = CommitProperties(custom_metadata=_named_by(self.token))
        write_deltalake(str(self.dataset(name)), table, **options)
        sources = [one for one in self.used if made_from is None or one["name"] in made_from]
        told = self.request("POST", f"/api/v1/projects/{self.project}/datasets/{name}/written", {"sources": sources})
        return int(told["version"])

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
