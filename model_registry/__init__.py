"""Experiments and models (MLflow)."""
