"""What runs and how it does: processes, alerts, metrics."""

from monitoring.components import ComponentState, component_states

__all__ = ["ComponentState", "component_states"]
