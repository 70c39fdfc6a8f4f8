"""Answerers of features."""

from feature_store.backends.feast_server import FeastServer
from feature_store.backends.protocol import Features

__all__ = ["FeastServer", "Features"]
