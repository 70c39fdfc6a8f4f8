"""Pipelines, runs and the workflow server behind them (Argo Workflows)."""
