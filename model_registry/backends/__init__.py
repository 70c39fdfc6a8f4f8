"""Answerers of experiments and models."""
