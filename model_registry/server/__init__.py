"""The MLflow server with Atrium's plugin: rights, audit and events in front of MLflow's own application."""

from starlette.types import ASGIApp


def create_app() -> ASGIApp:
    """MLflow's application inside the plugin; the entry point `mlflow.app` that MLflow's own command takes too."""
    from model_registry.server.application import guarded_application

    return guarded_application()
