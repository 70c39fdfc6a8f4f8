"""Answerers of pipelines and runs."""
