"""`python -m feature_store.server`: Feast's feature server for all projects from one process, `/<project>/…`.

It serves what is materialised and materialises what a project's registry names. It loads no code that users brought: a registry
with on-demand transformations is refused.
"""

import logging
import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from atrium.clock import now
from atrium.database import writing
from atrium.errors import AtriumError, Invalid, NotFound, error_body
from atrium.events import emit
from atrium.home import get_home
from atrium.identity import IDENTITY_HEADER, Actor, Verb, read_identity, require
from atrium.lineage import Node, NodeKind, connect
from atrium.serve import serve
from atrium.web import unexpected
from feature_store.features import MOST_SAMPLE_ROWS
from feature_store.online_store import in_words
from feature_store.repository import features_folder, shared_configuration
from feature_store.tables import folder_of, newest_version
from tenancy import audit

if TYPE_CHECKING:
    from feast import FeatureStore
    from redis.exceptions import RedisError

log = logging.getLogger(__name__)
VERBS = {
    "/get-online-features": Verb.USE, "/push": Verb.WRITE, "/materialize": Verb.WRITE,
    "/materialize-incremental": Verb.WRITE, "/health": Verb.READ, "/registry": Verb.READ,
    "/get-historical-features": Verb.USE,
}  # fmt: skip


class FeaturesNotDefined(NotFound):
    """The project has no feature definitions yet."""


class SampleRefused(Invalid):
    """Rows that no point-in-time values can be looked up for."""


@dataclass(frozen=True)
class _Opened:
    store: "FeatureStore"
    app: ASGIApp
    changed: float


class Projects:
    """Feast's stores by project, opened when first asked for and again when their registry changed."""

    def __init__(self) -> None:
        self.opened: dict[str, _Opened] = {}

    def get(self, project: str) -> _Opened:
        """The project's store and Feast's application over it. Raises `FeaturesNotDefined`, `TransformationRefused`, `OutsideProject`."""
        folder = features_folder(get_home().data(project))
        registry = folder / "registry.db"
        if not registry.exists():
            raise FeaturesNotDefined(
                f"features of project {project!r}", "a project's features are defined by a pipeline or by feast apply",
                "run the example flight-delay, or define some with feast in a step",
            )  # fmt: skip
        changed = registry.stat().st_mtime
        found = self.opened.get(project)
        if found is None or found.changed != changed:
            found = self.opened[project] = _open(project, changed)
        return found


def _open(project: str, changed: float) -> _Opened:
    from feast import FeatureStore
    from feast.feature_server import get_app
    from redis.exceptions import RedisError

    store = FeatureStore(config=shared_configuration(project, get_home().data(project)))
    app = get_app(store)
    app.add_exception_handler(RedisError, _told_of_redis)
    return _Opened(store, app, changed)


def _told_of_redis(request: Request, error: Exception) -> Response:
    told = in_words(cast("RedisError", error))
    return JSONResponse(error_body(told, accepted=request.headers.get("accept-language", "")), told.status)


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment else None


def registry_of(store: "FeatureStore") -> dict[str, Any]:
    """What a registry holds, for pages: entities, feature views with source, schema and freshness, feature services."""
    views = []
    found: list[Any] = store.list_feature_views()
    for view in found:
        intervals = view.materialization_intervals
        views.append(
            {
                "name": view.name, "description": view.description, "entities": list(view.entities),
                "join_keys": [one.name for one in view.entity_columns],
                "features": [{"name": one.name, "type": str(one.dtype), "description": one.description} for one in view.features],
                "ttl_seconds": view.ttl.total_seconds() if view.ttl else None, "online": view.online,
                "source": getattr(view.batch_source, "path", view.batch_source.name),
                "timestamp_field": view.batch_source.timestamp_field,
                "materialized_until": _iso(intervals[-1][1]) if intervals else None,
            }
        )  # fmt: skip
    services = [
        {"name": one.name, "description": one.description, "views": [p.name for p in one.feature_view_projections],
         "features": [f"{p.name}:{f.name}" for p in one.feature_view_projections for f in p.features]}
        for one in store.list_feature_services()
    ]  # fmt: skip
    entities = [{"name": one.name, "join_key": one.join_key, "type": str(one.value_type), "description": one.description}
                for one in store.list_entities() if one.name != "__dummy"]  # fmt: skip
    return {"entities": entities, "feature_views": views, "feature_services": services}


class FeatureServer:
    """ASGI: rights first, then Feast's own application of the project."""

    def __init__(self) -> None:
        self.projects = Projects()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._lifespan(receive, send)
            return
        request = Request(scope)
        project, _, rest = scope["path"].strip("/").partition("/")
        try:
            response = await self._answer(request, project, f"/{rest}", receive, send)
        except AtriumError as error:
            response = JSONResponse(
                error_body(error, accepted=request.headers.get("accept-language", "")), error.status
            )
        except Exception as error:  # noqa: BLE001  the process's outermost edge: logged under a reference
            told, reference = unexpected(error)
            response = JSONResponse(
                error_body(told, reference, request.headers.get("accept-language", "")), told.status
            )
        if response:
            await response(scope, receive, send)

    async def _answer(self, request: Request, project: str, path: str, receive: Receive, send: Send) -> Response | None:
        who = read_identity(request.headers.get(IDENTITY_HEADER))
        if (project, path) == ("health", "/"):
            return JSONResponse({"status": "ok"})
        if path not in VERBS:
            raise NotFound(f"{request.method} {path}", f"open are {', '.join(VERBS)}", "see docs/features.md")
        require(who, VERBS[path], project)
        if path == "/health":
            return JSONResponse({"status": "ok"})
        opened = await run_in_threadpool(self.projects.get, project)
        if path == "/registry":
            return JSONResponse(registry_of(opened.store))
        if path == "/get-historical-features":
            return JSONResponse(await run_in_threadpool(sample, opened.store, await _json(request, receive)))
        if VERBS[path] is Verb.WRITE:
            await run_in_threadpool(_note, who, project, path.strip("/"), opened.store)
        inner = dict(request.scope) | {"path": path, "raw_path": path.encode(), "root_path": ""}
        await opened.app(inner, receive, send)
        return None

    @staticmethod
    async def _lifespan(receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


async def _json(request: Request, receive: Receive) -> Any:
    try:
        return await Request(request.scope, receive).json()
    except ValueError:
        raise SampleRefused("the body", "it is JSON with feature_service and rows", "see docs/features.md") from None


def sample(store: "FeatureStore", body: Any) -> dict[str, Any]:
    """`columns` and `rows` of a feature service's features at each row's `event_timestamp`; raises `SampleRefused`."""
    import pandas as pd
    from feast.errors import FeastObjectNotFoundException

    rows = body.get("rows") if isinstance(body, dict) else None
    if (
        not isinstance(rows, list)
        or not 1 <= len(rows) <= MOST_SAMPLE_ROWS
        or not all(isinstance(one, dict) for one in rows)
    ):
        raise SampleRefused(
            "rows", f"1 to {MOST_SAMPLE_ROWS} objects with join keys and event_timestamp", "send them so"
        )
    frame = pd.DataFrame(rows)
    if "event_timestamp" not in frame:
        raise SampleRefused(
            "rows without event_timestamp", "each row names its moment", "add event_timestamp, as ISO 8601"
        )
    try:
        frame["event_timestamp"] = pd.to_datetime(frame["event_timestamp"], utc=True, format="ISO8601")
        service = store.get_feature_service(str(body.get("feature_service", "")))
        found = store.get_historical_features(frame, service).to_df()
    except FeastObjectNotFoundException as error:
        raise SampleRefused(str(error), "a feature service of the project", "see the features") from None
    except (ValueError, KeyError) as error:
        raise SampleRefused(
            f"the rows: {error}"[:300], "join keys and ISO 8601 moments of the service", "mend them"
        ) from None
    found["event_timestamp"] = found["event_timestamp"].map(lambda moment: moment.isoformat())
    values = found.astype(object).where(found.notna(), None)
    return {"columns": [str(one) for one in values.columns], "rows": values.to_numpy().tolist()}


def dataset_of(store: "FeatureStore", view: Any, project: str) -> Node | None:
    """The dataset, at its newest version, that a feature view reads; None where it reads something else."""
    path = Path(str(getattr(view.batch_source, "path", "")).removeprefix("file://"))
    if path.parent != folder_of(project):
        return None
    return Node(NodeKind.DATASET, path.name, str(newest_version(project, path.name) or 0))


def _note(who: Actor, project: str, action: str, store: "FeatureStore") -> None:
    views = store.list_feature_views() if action.startswith("materialize") else []
    with writing() as session:
        audit(session, who, f"features.{action}", project, "features")
        emit(session, "features.changed", project, "features", {"action": action, "at": now().isoformat()})
        for view in views:
            if dataset := dataset_of(store, view, project):
                connect(session, project, [dataset], Node(NodeKind.FEATURE_VIEW, view.name), f"feast/{action}")


if __name__ == "__main__":
    os.environ.setdefault("FEAST_USAGE", "False")
    import_module("feast.feature_server")  # seconds, which nobody's first question should wait for
    serve(FeatureServer(), "feast", proxy_headers=False)
