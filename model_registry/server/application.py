"""MLflow's application, set up for the home, with the plugin around it."""

import os
import warnings

from starlette.types import ASGIApp

from atrium.database import dialect, engine, in_words
from atrium.home import get_home
from atrium.objects import object_store
from atrium.settings import get_settings
from model_registry.server.routes_table import PREFIX


def database_uri() -> str:
    """SQLAlchemy address of MLflow's own tables: beside ours in PostgreSQL, else a file that this process alone writes."""
    return dialect().address_of_schema("mlflow") or f"sqlite:///{get_home().root / 'mlflow.db'}"


def artifacts() -> str:
    """Where MLflow keeps artifacts: in the object store, else in the home."""
    store = object_store()
    return f"s3://{store.path('mlflow')}" if store else str(get_home().artifacts)


def environment() -> dict[str, str]:
    """What MLflow's server reads at import, as its own command line would set it; no job runners, one process."""
    settings = get_settings()
    hosts = f"{settings.public_host},{settings.public_host}:*,localhost,localhost:*,127.0.0.1,127.0.0.1:*,mlflow"
    return {
        "_MLFLOW_SERVER_FILE_STORE": database_uri(),
        "_MLFLOW_SERVER_REGISTRY_STORE": database_uri(),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": artifacts(),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_STATIC_PREFIX": PREFIX,
        "MLFLOW_ENABLE_WORKSPACES": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_SERVER_ALLOWED_HOSTS": hosts if settings.bind == "127.0.0.1" else "*",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": settings.public_url,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }


def guarded_application() -> ASGIApp:
    """MLflow's application with Atrium's plugin around it; migrates MLflow's database where it is new or older."""
    os.environ.update(environment())
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    from mlflow.server.fastapi_app import app
    from mlflow.server.handlers import initialize_backend_stores

    from model_registry.server.guard import Guard, note_start

    if object_store():
        from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry

        from model_registry.server.objects import ObjectArtifacts

        _artifact_repository_registry.register("s3", ObjectArtifacts)  # type: ignore[no-untyped-call]
    with in_words(), dialect().making_schema(engine(), "mlflow"):
        initialize_backend_stores(database_uri(), database_uri(), "mlflow-artifacts:/")
    note_start()
    return Guard(app)
