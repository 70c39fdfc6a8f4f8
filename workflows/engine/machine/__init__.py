"""The state machine: from what is, and what happened, to what comes next. No I/O, no clock of its own."""

from workflows.engine.machine.calls import Effects
from workflows.engine.machine.core import advance, finish_pod

__all__ = ["Effects", "advance", "finish_pod"]
