"""`python -m app.rest`: the areas' functions as REST, in one OpenAPI document at /api/docs."""

from fastapi import FastAPI

import feature_store.routes
import model_registry.routes
import monitoring.routes
import serving.routes
import tenancy.routes
import workflows.routes
from atrium.serve import serve
from atrium.web import new_app


def create_app() -> FastAPI:
    """The REST application."""
    app = new_app("Atrium", docs_url="/api/docs", redoc_url=None, openapi_url="/api/openapi.json")
    for area in (tenancy, workflows, feature_store, model_registry, serving, monitoring):
        app.include_router(area.routes.router)
    app.include_router(workflows.routes.clusters_router)
    app.include_router(workflows.routes.images_router)
    app.include_router(monitoring.routes.metrics_router)
    return app


if __name__ == "__main__":
    serve(create_app(), "api", proxy_headers=False)
