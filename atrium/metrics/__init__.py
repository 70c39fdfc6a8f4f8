"""Metrics: how they are written, and who answers questions about them."""

import json
from pathlib import Path

from atrium.home import get_home
from atrium.metrics.exposition import CONTENT_TYPE, counter, gauge, read, samples, written
from atrium.metrics.prometheus import Access, PrometheusMetrics
from atrium.metrics.protocol import Answerer, Line, Metrics, MetricsUnavailable, Point, Query
from atrium.metrics.sampler import EVERY_SECONDS, SamplerMetrics, Writer
from atrium.settings import get_settings

__all__ = [
    "CONTENT_TYPE", "EVERY_SECONDS", "Access", "Answerer", "Line", "Metrics", "MetricsUnavailable", "Point",
    "PrometheusMetrics", "Query", "SamplerMetrics", "Writer", "counter", "gauge", "own_prometheus_file", "prometheus", "prometheus_access", "read", "sampler",
    "sampler_file", "samples", "written",
]  # fmt: skip


def sampler_file() -> Path:
    """The built-in sampler's file in the home."""
    return get_home().root / "metrics.db"


def own_prometheus_file() -> Path:
    """Where the Prometheus that the supervisor started says how to reach it (JSON: url, certificate, key)."""
    return get_home().run / "prometheus.json"


def sampler() -> SamplerMetrics:
    """The built-in sampler, which always records."""
    return SamplerMetrics(sampler_file())


def prometheus_access() -> Access | None:
    """Where the Prometheus that the settings name, or the supervisor's own, is, and what it lets in; None where there is neither."""
    settings, own = get_settings(), own_prometheus_file()
    if settings.prometheus_url:
        token = settings.prometheus_token.get_secret_value() if settings.prometheus_token else ""
        return Access(settings.prometheus_url.rstrip("/"), token)
    if not own.exists():
        return None
    said = json.loads(own.read_text())
    return Access(said["url"], "", (said["certificate"], said["key"]))


def prometheus() -> PrometheusMetrics | None:
    """The Prometheus that keeps the platform's metrics; None where there is none."""
    access = prometheus_access()
    return PrometheusMetrics(access, get_home().instance) if access else None
