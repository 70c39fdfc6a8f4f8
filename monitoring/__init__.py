"""What runs and how it does: components, metrics, charts, alerts, and why something is as it is."""

from monitoring.collect.processes import Process, processes
from monitoring.models import (
    AlertState,
    AlertView,
    ChartLine,
    Charts,
    ComponentStatus,
    ComponentView,
    Evidence,
    Said,
    Severity,
    SilenceView,
    Step,
    Why,
)
from monitoring.service import (
    alerts_to_tell,
    charts,
    end_silence,
    get_alert,
    list_alerts,
    list_components,
    silence,
    worker_silent_seconds,
)
from monitoring.why import why

__all__ = [
    "AlertState",
    "AlertView",
    "ChartLine",
    "Charts",
    "ComponentStatus",
    "ComponentView",
    "Evidence",
    "Process",
    "Said",
    "Severity",
    "SilenceView",
    "Step",
    "Why",
    "alerts_to_tell",
    "charts",
    "end_silence",
    "get_alert",
    "list_alerts",
    "list_components",
    "processes",
    "silence",
    "why",
    "worker_silent_seconds",
]  # fmt: skip
