"""Pipelines, runs and the workflow server behind them (Argo Workflows)."""

from workflows.counts import NewestResult, RunCount, newest_results, run_counts
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
from workflows.reasons import RunReasons, Wait, run_reasons
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
from workflows.templates import list_templates, save_template

__all__ = [
    "ManifestInvalid", "NewestResult", "NodeView", "ParameterView", "PipelineNotFound", "PipelineView", "RunCount",
    "RunNotFound", "RunReasons", "RunSummary", "RunView", "Wait", "act_on_run", "get_pipeline", "get_run", "last_runs",
    "list_pipelines", "list_revisions", "list_runs", "list_templates", "newest_results", "run_artifact", "run_counts", "run_logs",
    "run_pipeline", "run_reasons", "save_pipeline", "save_template",
]  # fmt: skip
