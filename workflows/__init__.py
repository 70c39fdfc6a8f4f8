"""Pipelines, runs and the workflow server behind them (Argo Workflows)."""

from workflows.models import NodeView, PipelineNotFound, PipelineView, RunNotFound, RunSummary, RunView
from workflows.service import (
    act_on_run,
    get_pipeline,
    get_run,
    list_pipelines,
    list_runs,
    run_artifact,
    run_logs,
    run_pipeline,
    save_pipeline,
)

__all__ = [
    "NodeView", "PipelineNotFound", "PipelineView", "RunNotFound", "RunSummary", "RunView", "act_on_run", "get_pipeline",
    "get_run", "list_pipelines", "list_runs", "run_artifact", "run_logs", "run_pipeline", "save_pipeline",
]  # fmt: skip
