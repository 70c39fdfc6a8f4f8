"""Datasets (Delta Lake) and features (Feast)."""
