"""MLflow over its REST, without its library, which takes seconds to import."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import httpx

from atrium.errors import Invalid, Unavailable
from atrium.identity import Actor
from atrium.rpc import client, reaching
from model_registry.models import (
    AliasMoved,
    Artifact,
    ExperimentView,
    Lifecycle,
    ModelExists,
    ModelNotFound,
    ModelVersionView,
    ModelView,
    TrackingRunNotFound,
    TrackingRunView,
)

API = "/mlflow/api/2.0/mlflow"
PAGE_ITEMS = 1000
EXPECTED_HEADER = "x-atrium-expected-version"
LARGEST_ARTIFACT_BYTES = 256 * 1024 * 1024


def _moment(milliseconds: object) -> datetime:
    return datetime.fromtimestamp(int(str(milliseconds or 0)) / 1000, UTC)


class MlflowBackend:
    """One project's experiments and models, asked as one person."""

    def __init__(self, who: Actor, project: str) -> None:
        self.who, self.project = who, project

    def _ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None, /, **query: object
    ) -> httpx.Response:
        given = {key: str(value) for key, value in query.items() if value not in (None, "")}
        with reaching("mlflow"), client("mlflow", self.who, 30) as http:
            told = {"X-MLFLOW-WORKSPACE": self.project, **(headers or {})}
            return http.request(method, path, json=body, params=given, headers=told)

    def call(self, method: str, path: str, body: object = None, /, **query: object) -> dict[str, Any]:
        """JSON of MLflow's answer under its API.

        Raises:
            ModelNotFound, TrackingRunNotFound: MLflow knows no such object; Invalid: it refused; BackEndUnavailable.
        """
        response = self._ask(method, f"{API}/{path}", body, None, **query)
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
        if said.get("error_code") == "RESOURCE_ALREADY_EXISTS":
            raise ModelExists(message.rstrip("."), "a name is taken once in a project", "choose another name")
        if response.status_code == httpx.codes.CONFLICT:
            asked, _, rest = message.partition(": ")
            allowed, _, step = rest.partition(". Next: ")
            raise AliasMoved(asked, allowed, step.rstrip("."))
        if response.status_code >= 500:
            raise Unavailable(
                f"MLflow failed at {path}: {message}", "it answers 200", "see logs/mlflow.log, then try again"
            )
        raise Invalid(message.rstrip("."), "MLflow takes other values there", "change it and try again")

    def _pages(self, method: str, path: str, key: str, body: dict[str, object]) -> Iterator[dict[str, Any]]:
        """Every object of a list, page by page."""
        token: str | None = ""
        while token is not None:
            asked = body | ({"page_token": token} if token else {})
            found = self.call("POST", path, asked) if method == "POST" else self.call("GET", path, **asked)
            yield from found.get(key, [])
            token = found.get("next_page_token") or None

    def experiments(self) -> Iterator[ExperimentView]:
        """All of the project's experiments, the deleted ones too."""
        body = {"max_results": PAGE_ITEMS, "view_type": "ALL"}
        return (_experiment(one) for one in self._pages("POST", "experiments/search", "experiments", body))

    def experiment(self, identifier: str) -> ExperimentView:
        """One experiment. Raises `TrackingRunNotFound`."""
        return _experiment(self.call("GET", "experiments/get", experiment_id=identifier)["experiment"])

    def runs(self, experiments: Sequence[str], where: str = "") -> Iterator[TrackingRunView]:
        """All runs of some experiments that `where` (MLflow's filter) lets through, the deleted ones too."""
        body: dict[str, object] = {
            "experiment_ids": list(experiments),
            "max_results": PAGE_ITEMS,
            "run_view_type": "ALL",
        }
        body |= {"filter": where} if where else {}
        return (_run(one) for one in (self._pages("POST", "runs/search", "runs", body) if experiments else ()))

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
        response = self._ask("GET", where, None, None, **query)
        if not response.is_success:
            self._refuse(response, where.removeprefix("/mlflow/"))
        if len(response.content) > LARGEST_ARTIFACT_BYTES:
            raise Invalid(
                f"artifact {query}", f"at most {LARGEST_ARTIFACT_BYTES} bytes are read here", "use the MLflow client"
            )
        return response.content

    def models(self) -> Iterator[ModelView]:
        """All registered models."""
        found = self._pages("GET", "registered-models/search", "registered_models", {"max_results": PAGE_ITEMS})
        return (self._model(one) for one in found)

    def model(self, name: str) -> ModelView:
        """One registered model. Raises `ModelNotFound`."""
        try:
            return self._model(self.call("GET", "registered-models/get", name=name)["registered_model"])
        except ModelNotFound:
            raise ModelNotFound(
                f"model {name!r} of project {self.project!r}", "there is none of this name", "see the models"
            ) from None

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

    def versions(self, model: str = "") -> Iterator[ModelVersionView]:
        """All versions of a model, or of all models; without aliases, which the model tells."""
        if "'" in model and '"' in model:
            raise ModelNotFound(f"model {model!r}", "MLflow cannot search a name with both quotes", "rename it")
        quote = '"' if "'" in model else "'"
        asked: dict[str, object] = {"max_results": PAGE_ITEMS} | (
            {"filter": f"name={quote}{model}{quote}"} if model else {}
        )
        found = self._pages("GET", "model-versions/search", "model_versions", asked)
        return (_version(one, {}) for one in found)

    def version(self, model: str, version: str) -> ModelVersionView:
        """One version, by number or alias. Raises `ModelNotFound`."""
        if not version.isdigit():
            found = self.call("GET", "registered-models/alias", name=model, alias=version)
        else:
            found = self.call("GET", "model-versions/get", name=model, version=version)
        return _version(found["model_version"], self.model(model).aliases)

    def change(self, method: str, path: str, /, **body: object) -> dict[str, Any]:
        """Changes something by a route of MLflow's; returns its answer. Raises as `call` does, and `ModelExists`, `AliasMoved`."""
        return self.call(method, path, body)

    def set_alias(self, model: str, alias: str, version: str, expected: str | None = None) -> None:
        """Moves an alias to a version, if it leads to `expected` now ("": to none; None: wherever). Raises `AliasMoved`."""
        body = {"name": model, "alias": alias, "version": version}
        headers = {EXPECTED_HEADER: expected} if expected is not None else {}
        response = self._ask("POST", f"{API}/registered-models/alias", body, headers)
        if not response.is_success:
            self._refuse(response, "registered-models/alias")


def _experiment(one: dict[str, Any]) -> ExperimentView:
    state = Lifecycle(one.get("lifecycle_stage", "active"))
    return ExperimentView(one["experiment_id"], one["name"], _moment(one.get("last_update_time")), state)


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
    inputs = {
        i["dataset"]["name"]: i["dataset"].get("source", "") for i in one.get("inputs", {}).get("dataset_inputs", [])
    }
    return TrackingRunView(
        info["run_id"], info.get("run_name", ""), info["experiment_id"], info.get("status", ""), tags.get("mlflow.user", ""),
        _moment(info.get("start_time")), _moment(info["end_time"]) if info.get("end_time") else None,
        {metric["key"]: float(metric["value"]) for metric in data.get("metrics", [])},
        {param["key"]: param.get("value", "") for param in data.get("params", [])},
        {key: value for key, value in tags.items() if not key.startswith("mlflow.")}, list(inputs), inputs,
        info.get("lifecycle_stage") == Lifecycle.DELETED,
    )  # fmt: skip
