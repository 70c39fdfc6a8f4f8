"""MLflow over its REST, without its library, which takes seconds to import."""

from datetime import UTC, datetime
from typing import Any, NoReturn

import httpx

from atrium.errors import Invalid, Unavailable
from atrium.identity import Actor
from atrium.rpc import client, reaching
from model_registry.models import (
    Artifact,
    ExperimentView,
    ModelNotFound,
    ModelVersionView,
    ModelView,
    TrackingRunNotFound,
    TrackingRunView,
)

API = "/mlflow/api/2.0/mlflow"
LARGEST_ARTIFACT_BYTES = 256 * 1024 * 1024


def _moment(milliseconds: object) -> datetime:
    return datetime.fromtimestamp(int(str(milliseconds or 0)) / 1000, UTC)


class MlflowBackend:
    """One project's experiments and models, asked as one person."""

    def __init__(self, who: Actor, project: str) -> None:
        self.who, self.project = who, project

    def _ask(self, method: str, path: str, body: object = None, /, **query: object) -> httpx.Response:
        given = {key: str(value) for key, value in query.items() if value not in (None, "")}
        with reaching("mlflow"), client("mlflow", self.who, 30) as http:
            headers = {"X-MLFLOW-WORKSPACE": self.project}
            return http.request(method, path, json=body, params=given, headers=headers)

    def call(self, method: str, path: str, body: object = None, /, **query: object) -> dict[str, Any]:
        """JSON of MLflow's answer under its API.

        Raises:
            ModelNotFound, TrackingRunNotFound: MLflow knows no such object; Invalid: it refused; BackEndUnavailable.
        """
        response = self._ask(method, f"{API}/{path}", body, **query)
        if response.is_success:
            found: dict[str, Any] = response.json()
            return found
        self._refuse(response, path)

    @staticmethod
    def _refuse(response: httpx.Response, path: str) -> NoReturn:
        try:
            said = response.json()
        except ValueError:
            said = {}
        message = str(said.get("message") or response.text[:200])
        if said.get("error_code") == "RESOURCE_DOES_NOT_EXIST" or response.status_code == 404:
            kind = ModelNotFound if path.startswith(("registered-models", "model-versions")) else TrackingRunNotFound
            raise kind(message.rstrip("."), "it must exist in this project", "see the list on the page")
        if response.status_code >= 500:
            raise Unavailable(
                f"MLflow failed at {path}: {message}", "it answers 200", "see logs/mlflow.log, then try again"
            )
        raise Invalid(message.rstrip("."), "MLflow takes other values there", "change it and try again")

    def experiments(self) -> list[ExperimentView]:
        """The project's experiments, the latest changed first (at most 200)."""
        found = self.call("POST", "experiments/search", {"max_results": 200, "order_by": ["last_update_time DESC"]})
        return [
            ExperimentView(e["experiment_id"], e["name"], _moment(e.get("last_update_time")))
            for e in found.get("experiments", [])
        ]

    def runs(
        self, experiments: list[str], after: str | None, limit: int, where: str = ""
    ) -> tuple[list[TrackingRunView], str | None]:
        """Runs of some experiments, newest first, and the key of the next page."""
        if not experiments:
            return [], None
        body: dict[str, object] = {
            "experiment_ids": experiments,
            "max_results": limit,
            "order_by": ["attributes.start_time DESC"],
        }
        body |= ({"page_token": after} if after else {}) | ({"filter": where} if where else {})
        found = self.call("POST", "runs/search", body)
        return [_run(one) for one in found.get("runs", [])], found.get("next_page_token") or None

    def run(self, identifier: str) -> TrackingRunView:
        """One run. Raises `TrackingRunNotFound`."""
        return _run(self.call("GET", "runs/get", run_id=identifier)["run"])

    def history(self, identifier: str, metric: str) -> list[tuple[int, float]]:
        """A metric's values by step."""
        found = self.call("GET", "metrics/get-history", run_id=identifier, metric_key=metric, max_results=1000)
        return [(int(one.get("step", 0)), float(one["value"])) for one in found.get("metrics", [])]

    def artifacts(self, identifier: str, path: str = "") -> list[Artifact]:
        """Files and folders of a run under `path`."""
        found = self.call("GET", "artifacts/list", run_id=identifier, path=path)
        return [
            Artifact(f["path"], bool(f.get("is_dir")), int(f.get("file_size") or 0)) for f in found.get("files", [])
        ]

    def artifact(self, identifier: str, path: str) -> bytes:
        """A run's file. Raises `TrackingRunNotFound`, or `Invalid` over 256 MiB."""
        return self._download("/mlflow/get-artifact", run_id=identifier, path=path)

    def version_file(self, model: str, version: str, path: str) -> bytes:
        """A file of a model version."""
        return self._download("/mlflow/model-versions/get-artifact", name=model, version=version, path=path)

    def _download(self, where: str, /, **query: str) -> bytes:
        response = self._ask("GET", where, None, **query)
        if not response.is_success:
            self._refuse(response, where.removeprefix("/mlflow/"))
        if len(response.content) > LARGEST_ARTIFACT_BYTES:
            raise Invalid(
                f"artifact {query}", f"at most {LARGEST_ARTIFACT_BYTES} bytes are read here", "use the MLflow client"
            )
        return response.content

    def models(self) -> list[ModelView]:
        """Registered models by name (at most 200)."""
        found = self.call("GET", "registered-models/search", max_results=200)
        return [self._model(one) for one in found.get("registered_models", [])]

    def model(self, name: str) -> ModelView:
        """One registered model. Raises `ModelNotFound`."""
        return self._model(self.call("GET", "registered-models/get", name=name)["registered_model"])

    @staticmethod
    def _model(one: dict[str, Any]) -> ModelView:
        aliases = {alias["alias"]: str(alias["version"]) for alias in one.get("aliases", [])}
        latest = max((int(version["version"]) for version in one.get("latest_versions", [])), default=0)
        return ModelView(
            one["name"],
            one.get("description", ""),
            _moment(one.get("last_updated_timestamp")),
            aliases,
            str(latest or ""),
        )

    def versions(self, model: str) -> list[ModelVersionView]:
        """A model's versions, newest first (at most 200)."""
        name = model.replace("'", "")
        found = self.call(
            "GET", "model-versions/search", filter=f"name='{name}'", max_results=200, order_by="version_number DESC"
        )
        aliases = self.model(model).aliases
        return [_version(one, aliases) for one in found.get("model_versions", [])]

    def version(self, model: str, version: str) -> ModelVersionView:
        """One version, by number or alias. Raises `ModelNotFound`."""
        if not version.isdigit():
            found = self.call("GET", "registered-models/alias", name=model, alias=version)
        else:
            found = self.call("GET", "model-versions/get", name=model, version=version)
        return _version(found["model_version"], self.model(model).aliases)

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Moves an alias to a version."""
        self.call("POST", "registered-models/alias", {"name": model, "alias": alias, "version": version})

    def delete_alias(self, model: str, alias: str) -> None:
        """Takes an alias away."""
        self.call("DELETE", "registered-models/alias", {"name": model, "alias": alias})


def _version(one: dict[str, Any], aliases: Any) -> ModelVersionView:
    number = str(one["version"])
    tags = {tag["key"]: tag.get("value", "") for tag in one.get("tags", [])}
    own = sorted(alias for alias, version in aliases.items() if version == number)
    return ModelVersionView(
        one["name"], number, one.get("run_id", ""), _moment(one.get("creation_timestamp")), one.get("status", ""), own, tags,
        one.get("description", ""), one.get("source", ""),
    )  # fmt: skip


def _run(one: dict[str, Any]) -> TrackingRunView:
    info, data = one["info"], one.get("data", {})
    tags = {tag["key"]: tag.get("value", "") for tag in data.get("tags", [])}
    inputs = [dataset["dataset"]["name"] for dataset in one.get("inputs", {}).get("dataset_inputs", [])]
    return TrackingRunView(
        info["run_id"], info.get("run_name", ""), info["experiment_id"], info.get("status", ""), tags.get("mlflow.user", ""),
        _moment(info.get("start_time")), _moment(info["end_time"]) if info.get("end_time") else None,
        {metric["key"]: float(metric["value"]) for metric in data.get("metrics", [])},
        {param["key"]: param.get("value", "") for param in data.get("params", [])},
        {key: value for key, value in tags.items() if not key.startswith("mlflow.")}, inputs,
    )  # fmt: skip
