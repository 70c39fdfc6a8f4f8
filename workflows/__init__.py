"""Pipelines, runs and the workflow server behind them (Argo Workflows)."""

from workflows.models import (
    ManifestInvalid,
    NodeView,
    ParameterView,
    PipelineNotFound,
    PipelineView,
    RunNotFound,
    RunSummary,
    RunView,
)
from workflows.service import (
    act_on_run,
    get_pipeline,
    get_run,
    last_runs,
    list_pipelines,
    list_revisions,
    list_runs,
    run_artifact,
    run_logs,
    run_pipeline,
    save_pipeline,
)

__all__ = [
    "ManifestInvalid", "NodeView", "ParameterView", "PipelineNotFound", "PipelineView", "RunNotFound", "RunSummary",
    "RunView", "act_on_run", "get_pipeline", "get_run", "last_runs", "list_pipelines", "list_revisions", "list_runs",
    "run_artifact", "run_logs", "run_pipeline", "save_pipeline",
]  # fmt: skip
